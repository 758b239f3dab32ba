#!/bin/sh
# Makes PostgreSQL's programs available to the tests: installs Debian's package
# when they are missing. A server that HOLDFAST_TEST_POSTGRES names is enough.
set -eu
if [ -n "${HOLDFAST_TEST_POSTGRES:-}" ]; then
  echo "tests use the server of HOLDFAST_TEST_POSTGRES"
  exit 0
fi
found() { ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb; }
if found >/dev/null; then
  echo "PostgreSQL is installed: $(found | tail -n 1)"
  exit 0
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
