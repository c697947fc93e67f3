#!/usr/bin/env bash
# run.sh: install the library into temporary folders in every way there is, and use only what was installed: projects with
# a Makefile and pkg-config, with CMake, in C++17, the manual pages, the Debian packages. Uninstalling leaves nothing.
#
# Needs what `make all` builds. No file outside the temporary folder and build/ is touched.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/install
cd "$top"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKELEVEL PREFIX DESTDIR BINDIR LIBDIR INCLUDEDIR MANDIR DOCDIR LD_LIBRARY_PATH
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR CMAKE_PREFIX_PATH

say() { printf '%s\n' "$*"; }
fail() { echo "install-test: $*" >&2; exit 1; }

# quietly COMMAND...: its output counts only when it fails.
quietly() {
  "$@" > "$work/log" 2>&1 < /dev/null || { cat "$work/log" >&2; fail "failed: $*"; }
}

# links static|shared PROGRAM: whether the library is inside the program or beside it.
links() {
  local kind=static
  ! readelf -d "$2" | grep -q 'NEEDED.*libjia\.so\.3\]' || kind=shared
  [ "$kind" = "$1" ] || fail "$2 is linked with the $kind library"
}

# runs WHAT PROGRAM: run it on 4 processes. Each checks its own answer.
runs() {
  local output
  output=$(JIA_NPROC=4 timeout 60 "$2" 2>&1 < /dev/null) || fail "$1: exit status $?: $output"
  case $output in
    *": ok on 4 hosts"*) say "  $1: $output" ;;
    *) fail "$1 said: $output" ;;
  esac
}

# c_project WHAT PACKAGE KIND: the project with a Makefile. pkg-config's variables say where the library is.
c_project() {
  local dir=$work/project
  rm -rf "$dir"
  cp -r "$here/c" "$dir"
  quietly make -C "$dir" PACKAGE="$2"
  links "$3" "$dir/sum"
  runs "$1" "$dir/sum"
}

# cmake_project WHAT PREFIX KIND [OPTION...]: the project with CMake. jia::jia must be of the kind.
cmake_project() {
  local what=$1 prefix=$2 kind=$3 dir=$work/project
  shift 3
  rm -rf "$dir"
  cp -r "$here/cmake" "$dir"
  cp "$here/c/sum.c" "$dir"
  quietly cmake -S "$dir" -B "$dir/build" -DCMAKE_PREFIX_PATH="$prefix" "$@"
  grep -q "^jia_DIR:PATH=$prefix/" "$dir/build/CMakeCache.txt" || fail "CMake found another jia"
  quietly cmake --build "$dir/build"
  links static "$dir/build/sum_static"
  links shared "$dir/build/sum_shared"
  links "$kind" "$dir/build/sum_jia"
  runs "$what, jia::static" "$dir/build/sum_static"
  runs "$what, jia::shared" "$dir/build/sum_shared"
}

listed() { (cd "$1" && find . ! -type d | sort); }

empty() { # WHAT FOLDER
  [ -z "$(listed "$2")" ] || fail "$1 leaves: $(listed "$2" | tr '\n' ' ')"
  [ -z "$(find "$2" -depth -name '*jia*')" ] || fail "$1 leaves folders of ours: $(find "$2" -name '*jia*')"
}

say "installed with make"
prefix=$work/prefix
quietly make install PREFIX="$prefix"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
[ "$(pkg-config --modversion jia)" = "$(scripts/version.sh)" ] || fail "jia.pc has another version"
c_project "Makefile, archive" jia-static static
LD_LIBRARY_PATH=$prefix/lib c_project "Makefile, shared library" jia shared
cmake_project "CMake" "$prefix" static
cmake_project "CMake, jia_SHARED" "$prefix" shared -Djia_SHARED=ON

quietly cmake -S "$here/cxx" -B "$work/cxx" -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$work/cxx"
runs "C++17, CMake" "$work/cxx/prefix"
# shellcheck disable=SC2046  # flags, to be split
quietly c++ -std=c++17 -Wall -Wextra -Werror "$here/cxx/prefix.cc" $(pkg-config --cflags --libs jia-static) -o "$work/cxx/by-hand"
runs "C++17, pkg-config" "$work/cxx/by-hand"

cp -r "$prefix/share/doc/jia/examples" "$work/examples"
quietly make -C "$work/examples" all fortran
(
  cd "$work/examples/porting"
  for program in ../pi ./nbody ../tutorial/step4 ../fortran/mm_f77 ../fortran/heat_f90; do
    JIA_NPROC=4 "$program" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "the installed example $program"; }
  done
)
grep -rhoE '\]\(\.\./[a-z_]*examples/[^)]*' "$prefix/share/doc/jia/docs" | cut -c 6- | sort -u > "$work/targets"
while read -r target; do
  [ -e "$prefix/share/doc/jia/$target" ] || fail "an installed document has a link to $target, which is not there"
done < "$work/targets"
[ -s "$work/targets" ] || fail "found no link to an example in the documents"

scripts/notices.sh "$prefix/share/doc/jia/THIRD-PARTY" || fail "notices are missing"

say "manual pages"
# Those that FORTRAN alone sees are not in jia.h, and have no page.
LC_ALL=C comm -12 <(nm -D --defined-only "$prefix/lib/libjia.so" | awk '{ print $3 }' | LC_ALL=C sort -u) \
  <(cc -E -P "$prefix/include/jia.h" | grep -oE '[A-Za-z_][A-Za-z0-9_]*' | LC_ALL=C sort -u) > "$work/names"
[ "$(wc -l < "$work/names")" -ge 20 ] || fail "libjia.so has too few names"
while read -r name; do
  [ -e "$prefix/share/man/man3/$name.3" ] || fail "no manual page for $name"
  man -M "$prefix/share/man" 3 "$name" 2>&1 | grep -q "SYNOPSIS" || fail "man 3 $name"
done < "$work/names"
man -M "$prefix/share/man" 7 jia 2>&1 | grep -q "jia_barrier(3)" || fail "man 7 jia"
for dir in cmd/*/; do
  name=$(basename "$dir")
  if [ -d "$dir" ] && ! { [ -x "$prefix/bin/$name" ] && [ -e "$prefix/share/man/man1/$name.1" ]; }; then
    fail "the command $name or its page is not installed"
  fi
done
mandoc -Tlint -Wwarning "$prefix"/share/man/man*/* || fail "mandoc complains"
say "  a page for each of $(wc -l < "$work/names") names"

say "installed with CMake"
quietly cmake -S . -B "$work/cmake"
quietly cmake --build "$work/cmake" --target jia_build jia_extras
quietly cmake --install "$work/cmake" --prefix "$work/by-cmake"
diff <(listed "$prefix") <(listed "$work/by-cmake") || fail "make and CMake install different files"
for file in lib/pkgconfig/jia.pc lib/cmake/jia/jiaConfig.cmake; do
  diff <(sed "s|$prefix|$work/by-cmake|g" "$prefix/$file") "$work/by-cmake/$file" || fail "$file differs"
done
say "  the same files as with make"

say "installed in odd folders, behind DESTDIR"
odd=(DESTDIR="$work/odd" PREFIX=/opt/own LIBDIR=/opt/lib/64 INCLUDEDIR=/opt/own/include/three MANDIR=/man)
quietly make install "${odd[@]}"
PKG_CONFIG_PATH=$work/odd/opt/lib/64/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/odd c_project "Makefile, archive" jia-static static
cmake_project "CMake" "$work/odd/opt" static -Djia_DIR:PATH="$work/odd/opt/lib/64/cmake/jia"
quietly make uninstall "${odd[@]}"
empty "make uninstall" "$work/odd"
quietly make uninstall PREFIX="$prefix"
empty "make uninstall" "$prefix"

say "Debian packages"
quietly make deb
lintian --fail-on error,warning --allow-root build/deb/*.changes || fail "lintian complains"
root=$work/root
for package in build/deb/*.deb; do dpkg-deb -x "$package" "$root"; done
libdir=$(echo "$root"/usr/lib/*-linux-*)
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$libdir/pkgconfig PKG_CONFIG_PATH=
c_project "Makefile, archive" jia-static static
LD_LIBRARY_PATH=$libdir c_project "Makefile, shared library" jia shared
cmake_project "CMake" "$root/usr" static
[ -e "$root/usr/share/man/man3/jia_waitcv.3.gz" ] || fail "no jia_waitcv.3.gz in the package"
for package in libjia3 libjia-dev; do
  cmp THIRD-PARTY "$root/usr/share/doc/$package/THIRD-PARTY" || fail "$package has not the licences of what is linked into it"
done
for name in cmd/*/; do
  name=$(basename "$name")
  if ! { [ -x "$root/usr/bin/$name" ] && [ -e "$root/usr/share/man/man1/$name.1.gz" ]; }; then
    fail "no $name, or no page of it, in the packages"
  fi
done

# Installed and removed by dpkg itself, in a root of its own where nothing else is.
if [ "$(id -u)" -ne 0 ]; then
  say "  not tried as an ordinary user: dpkg -i"
  say "install-test: ok"
  exit 0
fi
mkdir -p "$work/dpkg/var/lib/dpkg/info" "$work/dpkg/var/lib/dpkg/updates" "$work/dpkg/var/lib/dpkg/triggers"
touch "$work/dpkg/var/lib/dpkg/status" "$work/dpkg/var/lib/dpkg/available"
own=(dpkg --root="$work/dpkg" --force-not-root --force-depends --force-bad-path --log=/dev/null)
quietly "${own[@]}" -i build/deb/*.deb
[ -e "$work/dpkg/usr/include/jia.h" ] || fail "dpkg has not installed jia.h"
quietly "${own[@]}" --purge libjia-dev libjia3
rm -rf "$work/dpkg/var"
empty "dpkg --purge" "$work/dpkg"
say "  installed and removed"
say "install-test: ok"
