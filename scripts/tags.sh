#!/usr/bin/env bash
# tags.sh: print the build tags of the library, for -tags of the go command.
#
# By environment: RDMA=1 builds the RDMA transport in, RDMA=0 leaves it out; without either it is built in where the headers are.
# The libraries themselves are loaded when a program runs, so nothing else depends on it.
set -euo pipefail

headers() {
  printf '#include <%s>\n' infiniband/verbs.h rdma/rdma_cma.h | "${CC:-cc}" -E -x c - > /dev/null 2>&1
}

case ${RDMA:-} in
  0) ;;
  1)
    if ! headers; then
      echo "tags.sh: RDMA=1, but infiniband/verbs.h and rdma/rdma_cma.h are not there: install libibverbs-dev and librdmacm-dev" >&2
      exit 1
    fi
    echo rdma
    ;;
  '') if headers; then echo rdma; fi ;;
  *) echo "tags.sh: RDMA is '$RDMA', but must be 0 or 1" >&2; exit 1 ;;
esac
