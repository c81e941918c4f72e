#!/bin/sh
# Makes the folder of a Databricks App: app.yaml, start.sh, and the program for Linux in parts that the platform takes.
#   deploy/package.sh OUT       LAKEWARD_BIN names a program that was built already
set -eu
out=${1:?name the folder to make}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
binary=${LAKEWARD_BIN:-}
if [ -z "$binary" ]; then
	binary=$out/lakeward.built
	make -C "$here/.." --no-print-directory web/dist/index.html
	(cd "$here/.." && CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags="-s -w" -o "$binary" ./cmd/lakeward)
fi
rm -f "$out"/lakeward.gz.*
gzip -9 -c "$binary" | split -b 9000000 - "$out/lakeward.gz."
rm -f "$out/lakeward.built"
cp "$here/app/app.yaml" "$here/app/start.sh" "$out/"
ls -l "$out"
