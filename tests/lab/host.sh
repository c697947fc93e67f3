#!/usr/bin/env bash
# host.sh N COMMAND [ARG]...: run COMMAND as if on a machine of its own, number N: with a boot id that no other number has, by which
# the library tells machines apart. Takes root; the command can give it up (setpriv).
set -euo pipefail
number=${1:?usage: host.sh N COMMAND}
shift
if [ "${LAB_HOST:-}" != "$number" ]; then
  export LAB_HOST=$number
  exec unshare --mount -- "$0" "$number" "$@"
fi
unset LAB_HOST
id=$(mktemp)
printf '%08d-0000-4000-8000-000000000000\n' "$number" > "$id"
mount --bind "$id" /proc/sys/kernel/random/boot_id
rm "$id"
exec "$@"
