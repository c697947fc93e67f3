#!/usr/bin/env bash
# need.sh PACKAGE...: see that each Debian package is there (and `go`, which no package of Debian 12 is new enough for).
# Root gets the missing ones installed; anybody else gets one line that names them, and status 1.
set -euo pipefail
cd "$(dirname "$0")/.."

# older VERSION WANTED: whether the dotted VERSION comes before WANTED.
older() {
  [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

need_go() {
  local want have go=${GO:-go}
  want=$(awk '$1 == "go" { print $2 }' go.mod)
  if ! command -v "$go" > /dev/null; then
    echo "need.sh: Go $want or newer is not installed (no '$go' in PATH): see https://go.dev/doc/install" >&2
    exit 1
  fi
  # Go 1.21 and later fetch a newer toolchain by themselves when they may; what counts is the version they end up with.
  if ! have=$("$go" env GOVERSION) || older "${have#go}" "$want"; then
    echo "need.sh: Go $want or newer is needed, '$go' is ${have:-older}: see https://go.dev/doc/install" >&2
    exit 1
  fi
}

# present PACKAGE: whether what the package brings is there, whoever installed it.
present() {
  case $1 in
    libc6-dev) [ -e /usr/include/stdio.h ] ;;
    libibverbs-dev) [ -e /usr/include/infiniband/verbs.h ] ;;
    librdmacm-dev) [ -e /usr/include/rdma/rdma_cma.h ] ;;
    iproute2) command -v ip > /dev/null ;;
    slurm-client) command -v srun > /dev/null ;;
    # slurmd depends on it, and its folder is no fixed one.
    slurm-wlm-basic-plugins) command -v slurmd > /dev/null ;;
    mpich) command -v mpiexec.hydra > /dev/null ;;
    openmpi-bin) command -v mpirun.openmpi > /dev/null ;;
    util-linux) command -v setpriv > /dev/null ;;
    man-db) command -v man > /dev/null ;;
    debhelper) command -v dh > /dev/null && command -v dpkg-buildpackage > /dev/null ;;
    openssh-server) [ -x /usr/sbin/sshd ] ;;
    qemu-system-x86) command -v qemu-system-x86_64 > /dev/null ;;
    busybox-static) command -v busybox > /dev/null ;;
    kmod) [ -x /sbin/modprobe ] || command -v modprobe > /dev/null ;;
    xz-utils) command -v xz > /dev/null ;;
    rdma-core) [ -d /etc/rdma ] ;;
    ibverbs-providers) [ -d /etc/libibverbs.d ] ;;
    ibverbs-utils) command -v ibv_devinfo > /dev/null ;;
    rdmacm-utils) command -v rping > /dev/null ;;
    perftest) command -v ib_read_lat > /dev/null ;;
    openssh-client) command -v ssh > /dev/null ;;
    *) command -v "$1" > /dev/null ;;
  esac
}

missing=()
for package in "$@"; do
  if [ "$package" = go ]; then
    need_go
  elif ! present "$package"; then
    missing+=("$package")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "need.sh: please install: ${missing[*]}   (as root: apt-get install -y ${missing[*]})" >&2
  exit 1
fi
echo "installing ${missing[*]}"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d made=
trap 'rm -f "$log" ${made:+"$made"}' EXIT
# Some of the packages are daemons, which tests start for themselves: the machine's own must not begin to run meanwhile.
if [ ! -e "$policy" ]; then
  made=$policy
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
  cat "$log" >&2
  echo "need.sh: could not install ${missing[*]}: see apt-get's words above" >&2
  exit 1
fi
