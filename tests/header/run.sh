#!/bin/sh
# Compiles the header's test programs under every language standard it promises; with a library, links
# and runs them too.
#
#   tests/header/run.sh [folder of libjia.a]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include
lib=${1:-}
cc=${CC:-cc}
cxx=${CXX:-c++}
strict='-Wall -Wextra -Werror'
# What the old program is, and the header must not add to: implicit int, void main, K&R definitions.
old='-Wall -Wextra -Werror -Wno-implicit-int -Wno-return-type -Wno-main -Wno-old-style-definition -Wno-parentheses'

compile() { # compiler, flags and source; flags are to be split
	echo "$*"
	# shellcheck disable=SC2048,SC2086
	$* "-I$include" -fsyntax-only
}

for std in gnu89 gnu99 gnu11 gnu17; do
	compile "$cc" -std=$std "$old" "$here/old_splash.c"
	compile "$cc" -std=$std "$old" "$here/every_name.c"
done
compile "$cxx" -std=c++17 "$strict" -x c++ "$here/every_name.c"
for std in gnu89 c90 c99 gnu99 c11 gnu11 c17 gnu17; do
	compile "$cc" -std=$std "$strict" -Wpedantic -Wstrict-prototypes "$here/own_names.c"
done
for std in c90 gnu89 c99 gnu99 c11 gnu11 c17 gnu17; do
	compile "$cc" -std=$std "$strict" -Wpedantic -x c "$include/jia.h"
done
for std in c++11 c++17 gnu++17 c++20; do
	compile "$cxx" -std=$std "$strict" -Wpedantic -x c++ "$include/jia.h"
done
for std in c11 c17 gnu17; do
	compile "$cc" -std=$std "$strict" -pedantic "$here/modern.c"
done
for std in c++17 gnu++17 c++20; do
	compile "$cxx" -std=$std "$strict" -pedantic "$here/modern.cc"
done

[ -n "$lib" ] || exit 0

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for program in old_splash every_name; do
	# shellcheck disable=SC2086
	"$cc" -std=gnu89 $old "-I$include" "$here/$program.c" "-L$lib" -ljia -o "$out/$program"
done
"$cxx" -std=c++17 "-I$include" -x c++ "$here/every_name.c" -x none "-L$lib" -ljia -o "$out/every_name_cc"
"$cc" "-I$include" "$here/own_names.c" "-L$lib" -ljia -o "$out/own_names"
"$cc" "-I$include" "$here/modern.c" "-L$lib" -ljia -o "$out/modern"
"$cxx" -std=c++17 "-I$include" "$here/modern.cc" "-L$lib" -ljia -o "$out/modern_cc"
for program in old_splash every_name every_name_cc own_names modern modern_cc; do
	for hosts in 1 2 3; do
		echo "JIA_NPROC=$hosts $program"
		JIA_NPROC=$hosts "$out/$program"
	done
done
