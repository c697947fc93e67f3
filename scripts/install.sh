#!/usr/bin/env bash
# install.sh install|uninstall: put what was built into BUILD where it belongs, or remove exactly that.
#
# By environment: PREFIX (/usr/local), BINDIR, LIBDIR, INCLUDEDIR, MANDIR, DOCDIR, absolute folders as the programs will see
# them; DESTDIR, in front of them all while a package is made; BUILD (build). make and CMake both call this.
set -euo pipefail
cd "$(dirname "$0")/.."

action=${1:?usage: install.sh install|uninstall}
prefix=${PREFIX:-/usr/local}
bindir=${BINDIR:-$prefix/bin}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
mandir=${MANDIR:-$prefix/share/man}
docdir=${DOCDIR:-$prefix/share/doc/jia}
build=${BUILD:-build}
version=$(scripts/version.sh)
soname=libjia.so.${version%%.*}

for dir in "$prefix" "$bindir" "$libdir" "$includedir" "$mandir" "$docdir"; do
  case $dir in
    /*) ;;
    *) echo "install.sh: '$dir' is not an absolute path; for a folder in front of all paths there is DESTDIR" >&2; exit 1 ;;
  esac
done

# fill TEMPLATE: print the template with this installation's values. Paths below the prefix are written with it, so that
# pkg-config --define-prefix can move them.
fill() {
  # shellcheck disable=SC2016  # pkg-config's variable, not the shell's
  sed -e "s|@PREFIX@|$prefix|" \
    -e "s|@LIBDIR@|${libdir/#"$prefix"\//'${prefix}/'}|" \
    -e "s|@INCLUDEDIR@|${includedir/#"$prefix"\//'${prefix}/'}|" \
    -e "s|@INCLUDE_FROM_LIB@|$(realpath -m -s --relative-to="$libdir" "$includedir")|" \
    -e "s|@VERSION@|$version|" -e "s|@MAJOR@|${version%%.*}|" "$1"
}

# Each call of one of these is one installed file. Uninstalling makes the same calls.
file() { # MODE SOURCE FOLDER
  local target=$DESTDIR$3/${2##*/}
  if [ "$action" = install ]; then install -D -m "$1" "$2" "$target"; else rm -f "$target"; fi
}
template() { # SOURCE.in FOLDER
  local name=${1##*/} filled
  filled=$work/${name%.in}
  fill "$1" > "$filled"
  file 644 "$filled" "$2"
}
# A document's links to the examples lead to where those are installed.
document() { # SOURCE FOLDER
  sed 's|](\(\.\./\)\?c_examples/|](\1examples/|g' "$1" > "$work/${1##*/}"
  file 644 "$work/${1##*/}" "$2"
}
link() { # TARGET PATH
  if [ "$action" = uninstall ]; then rm -f "$DESTDIR$2"; return; fi
  mkdir -p "$DESTDIR${2%/*}"
  ln -sf "$1" "$DESTDIR$2"
}

everything() {
  local f dir
  file 644 "$build/libjia.a" "$libdir"
  file 644 "$build/shared/libjia.so.$version" "$libdir"
  link "libjia.so.$version" "$libdir/$soname"
  link "$soname" "$libdir/libjia.so"
  for f in include/*; do file 644 "$f" "$includedir"; done
  for f in jia.pc jia-static.pc; do template "packaging/$f.in" "$libdir/pkgconfig"; done
  for f in jiaConfig.cmake jiaConfigVersion.cmake; do template "packaging/$f.in" "$libdir/cmake/jia"; done
  for f in "$build"/bin/*; do
    if [ -f "$f" ]; then file 755 "$f" "$bindir"; fi
  done
  for f in cmd/*/*.1; do
    if [ -f "$f" ]; then file 644 "$f" "$mandir/man1"; fi
  done
  for f in "$build"/man/man*/*; do
    if [ -L "$f" ]; then
      link "$(readlink "$f")" "$mandir/${f#"$build/man/"}"
    else
      file 644 "$f" "$mandir/$(basename "$(dirname "$f")")"
    fi
  done
  for f in README.md CHANGELOG.md; do document "$f" "$docdir"; done
  for f in LICENSE THIRD-PARTY; do file 644 "$f" "$docdir"; done
  for f in docs/*.md; do document "$f" "$docdir/docs"; done
  document c_examples/README.md "$docdir/examples"
  for f in c_examples/*.c; do file 644 "$f" "$docdir/examples"; done
  for f in c_examples/{tutorial/*.c,porting/nbody.*,fortran/*.f,fortran/*.f90}; do
    dir=${f%/*}
    file 644 "$f" "$docdir/examples/${dir##*/}"
  done
  install -m 644 packaging/examples.mk "$work/Makefile"
  file 644 "$work/Makefile" "$docdir/examples"
}

DESTDIR=${DESTDIR:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $action in
  install)
    everything
    ;;
  uninstall)
    everything
    # Folders of ours only. Others, such as lib/pkgconfig, were there before or may be wanted after.
    for dir in "$libdir/cmake/jia" "$docdir/docs" "$docdir"/examples/{fortran,porting,tutorial} "$docdir/examples" "$docdir"; do
      if [ -d "$DESTDIR$dir" ]; then rmdir --ignore-fail-on-non-empty "$DESTDIR$dir"; fi
    done
    ;;
  *)
    echo "install.sh: $action? It can install and uninstall" >&2
    exit 1
    ;;
esac
