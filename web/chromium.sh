#!/usr/bin/env bash
# Makes sure that there is a Chromium for the console's browser test: on
# Debian and its kin it is installed, elsewhere its absence is reported.
set -euo pipefail
[ -n "${HOLDFAST_TEST_CHROMIUM:-}" ] && exit 0
for name in chromium google-chrome chromium-browser chrome; do
  command -v "$name" >/dev/null && exit 0
done
if ! command -v apt-get >/dev/null; then
  echo "chromium.sh: install Chromium, or name a browser in HOLDFAST_TEST_CHROMIUM" >&2
  exit 1
fi
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
