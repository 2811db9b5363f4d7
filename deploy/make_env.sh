#!/bin/sh
# Writes .env beside this file from .env.example: sh deploy/make_env.sh ADDRESS
# ADDRESS is the IP address by which clients reach this machine. Each secret is made anew.
set -eu
address=${1:?the IP address by which clients reach this machine}
cd "$(dirname "$0")"
if [ -e .env ]; then
  echo "$PWD/.env is there already; it is left as it is." >&2
  exit 1
fi
umask 077
while IFS= read -r line; do
  case $line in
    *=GENERATE) echo "${line%GENERATE}$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" ;;
    *=ADDRESS) echo "${line%ADDRESS}$address" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <.env.example >.env
echo "$PWD/.env is written."
