#!/usr/bin/env bash
# run.sh FOLDER: compile the FORTRAN test programs against the library in FOLDER, several ways, and run them on 1 to 4 hosts.
set -euo pipefail
library=$(cd "${1:?usage: run.sh FOLDER}" && pwd)
cd "$(dirname "$0")"
./interfaces.sh

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fc=${FC:-gfortran}

# compile NAME ARGUMENTS...: build $out/NAME, linked as users link.
compile() {
  echo "$fc ${*:2}"
  "$fc" -I../../include -J"$out" "${@:2}" -L"$library" -ljia -o "$out/$1"
}

# good NAME ARGUMENTS...: run it on 1, 2 and 4 hosts; it says "ok" once.
good() {
  local hosts text
  for hosts in 1 2 4; do
    text=$(JIA_NPROC=$hosts "$out/$1" "${@:2}")
    [[ "$text" == *ok* ]] || { echo "run.sh: $* on $hosts hosts said: $text" >&2; exit 1; }
  done
}

# fails NAME: with the argument "error" it ends with status 1, the line printed before, and the error.
fails() {
  local hosts status=0
  for hosts in 1 3; do
    status=0
    JIA_NPROC=$hosts "$out/$1" error > "$out/text" 2>&1 || status=$?
    if [ "$status" -ne 1 ] || ! grep -q "printed before the error" "$out/text" || ! grep -q "host 0: no convergence$" "$out/text"; then
      echo "run.sh: $1 error on $hosts hosts ended with status $status and said:" >&2
      cat "$out/text" >&2
      exit 1
    fi
  done
}

# loses NAME: with the argument "lose" host 1 is killed, and host 0 is told so.
loses() {
  local text
  if text=$(JIA_NPROC=2 "$out/$1" lose 2>&1) || ! grep -q "^ lost  *1 : host 1 .*SIGKILL" <<< "$text"; then
    echo "run.sh: $1 lose said: $text" >&2
    exit 1
  fi
}

old=(-std=legacy -fcray-pointer -Wall -Werror)
new=(-std=f2018 -Wall -Wextra -Werror ../../include/jia.f90)

compile old -O0 "${old[@]}" old.f
good old
good old end
fails old
loses old
compile old-fast -O3 "${old[@]}" old.f
good old-fast
compile old-own -O2 "${old[@]}" old.f oldlib.f
good old-own
compile modern -O0 "${new[@]}" modern.f90
good modern
good modern end
fails modern
compile modern-fast -O3 -std=f2018 ../../include/jia.f90 modern.f90
good modern-fast
