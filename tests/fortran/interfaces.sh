#!/usr/bin/env bash
# interfaces.sh: every function that include/jia.h declares has a wrapper for old FORTRAN in cabi/fortran.c and an
# interface in include/jia.f90, and every allocation a type in include/jiaf.h.
set -euo pipefail
cd "$(dirname "$0")/../.."

# needs FILE PATTERN: complain unless FILE has a line with PATTERN.
status=0
needs() {
  grep -qE -- "$2" "$1" || { echo "interfaces.sh: $1 lacks $function" >&2; status=1; }
}

functions=$("${CC:-cc}" -E -P include/jia.h | tr '\n' ' ' | grep -oE '\bjia_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u)
[ -n "$functions" ] || { echo "interfaces.sh: found no function in include/jia.h" >&2; exit 1; }
for function in $functions; do
  # FORTRAN 77 has no structures.
  case $function in jia_stats | jia_pool_stats | jia_alloc_attr) ;; *) needs cabi/fortran.c "^[a-z].* \*?${function}_\(" ;; esac
  needs include/jia.f90 "bind\(C, name=\"${function}_?\"\)"
  needs include/jia.f90 "public ::.*\b${function}\b"
  case $function in jia_alloc_attr) ;; jia_alloc* | jia_pool*alloc | jia_home | jia_clock | jia_recv) needs include/jiaf.h "^      external .*\b$function\b" ;; esac
done

# The structures have the members of those of C, in their order.
members() {
  sed -n "/$2/,/$3/p" "$1" | sed "1d; \$d; $4" | tr -s ' ,&\n' '\n' | grep .
}
# members_agree STRUCTURE: it has the same members there and there.
members_agree() {
  if ! diff <(members include/jia.h "typedef struct ${1%_t} {" "^} $1" '/^\t/!d; s/;.*//; s/.* //') \
    <(members include/jia.f90 "type, bind(C), public :: $1" 'end type' 's/.*:: //'); then
    echo "interfaces.sh: the members of $1 differ in include/jia.h (<) and include/jia.f90 (>)" >&2
    status=1
  fi
}
members_agree jia_stats_t
members_agree jia_pool_stats_t
exit "$status"
