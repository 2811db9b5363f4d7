#!/bin/sh
# The avatars' drawing library needs two of the system's: installed where they are missing and this
# user may. Without them the server runs, and says that it has no avatars.
set -eu
python=$1

"$python" -c 'import skia' 2>/dev/null && exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
  echo "Installing libgl1 libegl1 for the avatars ..."
  $as_root apt-get -q update >/dev/null
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends libgl1 libegl1 >/dev/null
fi
"$python" -c 'import skia' 2>/dev/null || {
  echo "There will be no avatars: install libGL and libEGL (Debian: apt-get install libgl1 libegl1)." >&2
}
