#!/bin/sh
# Puts the program together from its parts, because Databricks Apps take no file of more than 10 MB, and becomes it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${LAKEWARD_DIR:-${TMPDIR:-/tmp}/lakeward}
mkdir -p "$home/bin"
cat "$here"/lakeward.gz.* | gzip -dc >"$home/bin/lakeward.new"
chmod 0755 "$home/bin/lakeward.new"
mv "$home/bin/lakeward.new" "$home/bin/lakeward"
LAKEWARD_DIR=$home exec "$home/bin/lakeward" serve "$@"
