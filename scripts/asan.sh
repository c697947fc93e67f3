#!/usr/bin/env bash
# asan.sh: C code under the address and undefined-behaviour sanitizers: the kernels that compare and apply pages, then
# the example programs on 2 processes. (The tests of core/region, which is the fault handler, do not end under go test -asan.)
set -euo pipefail
cd "$(dirname "$0")/.."

CC=gcc "${GO:-go}" test -asan -timeout 5m ./core/diff

echo "building the examples with sanitizers"
make -s --no-print-directory -C c_examples OUT=../build/asan \
  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
# The library's handlers for the two signals of a page fault stay in charge, and memory that lives until the end is no leak.
export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0
scripts/demo.sh 2 build/asan
