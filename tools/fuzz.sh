#!/bin/sh
# Runs every fuzz target of the module for the given time: `fuzz.sh 10s`.
set -eu

go list -f '{{.Dir}} {{.ImportPath}}' ./... | while read -r dir pkg; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null | cut -d' ' -f2); do
		echo "$pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" "$pkg"
	done
done
