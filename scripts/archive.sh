#!/usr/bin/env bash
# archive.sh OUT.a: build the library from ./cabi and hide every symbol that is not part of its contract.
#
# A C archive made by Go defines some fifty global symbols of the Go runtime, among them plain words such as
# `fatalf`; a program that defines the same name would not link, or worse, link. So the members are joined
# into one relocatable object in which only the names that include/jia.h declares stay global.
# make and CMake both call this, so that there is one way to build the library.
set -euo pipefail

out=${1:?usage: archive.sh OUT.a}
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tags=$(scripts/tags.sh)
CGO_ENABLED=1 "${GO:-go}" build -tags "$tags" -buildmode=c-archive -trimpath -buildvcs=false -o "$work/raw.a" ./cabi

# --whole-archive: no member is named twice or forgotten; -d: common symbols get a definition that can be hidden.
ld -r -d --whole-archive "$work/raw.a" -o "$work/jia.o"

# Every word of the header's declarations is a candidate; only a name that the object defines can match.
# FORTRAN sees lower-case names with an underscore behind; jia is its COMMON block, the rest are subroutines that C lacks.
{
  "${CC:-cc}" -E -P include/jia.h
  echo jia jiaf_init jia_distask
} | grep -oE '[A-Za-z_][A-Za-z0-9_]*' | sort -u | sed 'p; s/$/_/' > "$work/public"
objcopy --keep-global-symbols="$work/public" "$work/jia.o"

# Go starts its runtime from a constructor without a priority, whose order with the program's depends on the link. Give it
# one: before all of theirs, between the two constructors of cabi/early.c.
objcopy --rename-section .init_array=.init_array.00103 --rename-section .rela.init_array=.rela.init_array.00103 "$work/jia.o"

ar rcs "$work/libjia.a" "$work/jia.o"
mv "$work/libjia.a" "$out"
