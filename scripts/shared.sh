#!/usr/bin/env bash
# shared.sh IN.a DIR: link DIR/libjia.so.VERSION, with its two links, from the archive that scripts/archive.sh made.
#
# The same object code serves both, so what the archive promises holds here too: only the names of include/jia.h are
# visible, and Go starts between the two constructors that stand around it. (A second build with -buildmode=c-shared
# would lose both: its start of Go has no priority, and -Bsymbolic hides jiapid from programs that have a copy of it.)
set -euo pipefail

archive=${1:?usage: shared.sh IN.a DIR} dir=${2:?usage: shared.sh IN.a DIR}
version=$("$(dirname "$0")/version.sh")
soname=libjia.so.${version%%.*}
mkdir -p "$dir"

# nodelete: Go's runtime cannot be unloaded, so dlclose does nothing.
"${CC:-cc}" -shared -o "$dir/libjia.so.$version" -Wl,-soname,"$soname" -Wl,-z,nodelete,-z,defs,-z,relro,-z,now \
  -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -pthread
ln -sf "libjia.so.$version" "$dir/$soname"
ln -sf "$soname" "$dir/libjia.so"
