#!/bin/sh
# Installs the Debian packages that the tests need and this machine lacks: PostgreSQL, Redis, curl,
# jq, Chromium and iproute2. The tests start servers of their own on free ports; the packages' services
# are not used.
set -eu

missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v jq >/dev/null 2>&1 || missing="$missing jq"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "The tests need$missing; install them with this system's package manager." >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || {
    echo "The tests need$missing; as root: apt-get install$missing" >&2
    exit 1
  }
  as_root=sudo
fi
echo "Installing$missing for the tests ..."
$as_root apt-get -q update >/dev/null
# shellcheck disable=SC2086 # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >/dev/null
