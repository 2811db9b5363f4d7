#!/bin/sh
# Makes the virtual environment $2 with the Python $1. Debian keeps what that needs in a package of
# its own, which is installed where it is missing and this user may.
set -eu
python=$1
folder=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Greenroom needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Try: make PYTHON=python3.11" >&2
  exit 1
}
"$python" -m venv "$folder" >/dev/null 2>&1 && exit 0
rm -rf "$folder"

package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
as_root=""
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1; }; then
  echo "Installing $package ..."
  $as_root apt-get -q update >/dev/null
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$package" >/dev/null
fi
"$python" -m venv "$folder"
