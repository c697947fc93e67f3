#!/usr/bin/env bash
# kernel.sh FOLDER: see that FOLDER holds the kernel that vm boots: vmlinux, and modules.cpio with the modules that it loads.
#
# It is Debian's linux-image-amd64: the one that is installed, where one is, else one that apt-get downloads (70 MB) and that is
# unpacked into FOLDER, where 75 MB stay. The cloud kernels have no rdma_rxe. Nothing is installed, and root is not needed.
set -euo pipefail
readonly folder=${1:?usage: kernel.sh FOLDER}
PATH+=:/usr/local/sbin:/usr/sbin:/sbin

# Modules of the initial file system, in the order of loading; what they depend on comes along. Those behind -- are there for modprobe.
readonly modules=(
  virtio_pci virtio_console 9pnet_virtio 9p overlay
  crc32-pclmul crc32_generic
  ib_uverbs rdma_ucm rdma_rxe
  --
  veth bridge sch_netem
)

die() { echo "tests/lab/kernel.sh: $*" >&2; exit 1; }

# installed: print the release of the newest kernel here that has all that we need; fail if there is none.
installed() {
  local release
  while read -r release; do
    if [[ -r /boot/vmlinuz-$release ]] && modprobe -n -S "$release" rdma_rxe 2> /dev/null &&
      modprobe -n -S "$release" 9pnet_virtio 2> /dev/null; then
      echo "$release"
      return
    fi
  done < <(find /lib/modules/ -mindepth 1 -maxdepth 1 -name '*-amd64' -printf '%f\n' 2> /dev/null | sort -rV)
  return 1
}

# newest: print the name of the package that linux-image-amd64 stands for. Options of apt are passed on.
newest() {
  apt-cache "$@" show --no-all-versions linux-image-amd64 2> /dev/null |
    sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | grep .
}

# download: leave the package in the current folder. What apt knows may be too old, or nothing at all; then it asks anew,
# into a folder of our own.
download() {
  local package log=$PWD/apt.log
  local own=(-o "Dir::State=$PWD/state" -o "Dir::Cache=$PWD/cache" -o Dir::State::status=/var/lib/dpkg/status)
  local root=(-q -o APT::Sandbox::User=root)
  if package=$(newest) && apt-get "${root[@]}" download "$package" > "$log" 2>&1; then return; fi
  mkdir -p state/lists/partial cache/archives/partial
  if apt-get "${root[@]}" "${own[@]}" update >> "$log" 2>&1 && package=$(newest "${own[@]}") &&
    apt-get "${root[@]}" "${own[@]}" download "$package" >> "$log" 2>&1; then
    rm -rf state cache
    return
  fi
  cat "$log" >&2
  die "cannot download the package linux-image-amd64: install it, or see apt-get's words above"
}

# unpack: unpack the parts of the downloaded package that hold what we need, which is a sixth of it.
unpack() {
  dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards './boot/vmlinuz-*' '*/modules.builtin*' '*/modules.order' \
    '*/kernel/arch/x86/crypto' '*/kernel/crypto' '*/kernel/lib' '*/kernel/fs' '*/kernel/drivers/virtio' '*/kernel/drivers/char' \
    '*/kernel/drivers/infiniband/core' \
    '*/kernel/drivers/infiniband/sw/rxe' '*/kernel/drivers/net/veth.ko*' '*/kernel/net'
  rm ./*.deb
}

# elf IMAGE: print the ELF kernel inside a bzImage. QEMU can boot it as it is, which spares decompressing it, emulated, at each boot.
elf() {
  local magic tool offset
  while read -r magic tool; do
    while IFS=: read -r offset _; do
      # shellcheck disable=SC2086  # a command and its options
      tail -c "+$((offset + 1))" "$1" | $tool > elf 2> /dev/null || true # it complains about what comes behind
      if [[ $(head -c 4 elf | tr -d '\0') == $'\x7fELF' ]]; then
        cat elf
        return
      fi
    done < <(LC_ALL=C grep -aobP "$magic" "$1")
  done << 'MAGICS'
\xfd7zXZ\x00 xz -dcq --single-stream
\x28\xb5\x2f\xfd zstd -dcq
\x1f\x8b\x08\x00 gzip -dcq
MAGICS
  die "$1: no kernel found in it"
}

# collect BASE RELEASE: print a cpio archive of the modules, and of /load, the list of those to load.
collect() {
  local base=$1 release=$2 name path load=1 tree=$PWD/tree
  mkdir -p "$tree/lib/modules/$release"
  for name in "${modules[@]}"; do
    if [[ $name == -- ]]; then
      load=0
      continue
    fi
    while read -r path; do
      path=${path#"$base"}
      mkdir -p "$tree${path%/*}"
      cp "$base$path" "$tree$path"
      if ((load)); then echo "$path"; fi
    done < <(modprobe -d "$base/" -S "$release" --show-depends "$name" | sed -n 's/^insmod \([^ ]*\).*/\1/p' | tr -s /)
  done | awk '!seen[$0]++' > load
  grep -q /rdma_rxe.ko load || die "kernel $release has no module rdma_rxe"
  cp load "$tree/load"
  cp "$base/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$tree/lib/modules/$release/"
  depmod -b "$tree" "$release"
  (cd "$tree" && find . -print0 | cpio -0 -o -H newc --quiet)
}

mkdir -p "$folder"
exec 9> "$folder/lock"
flock 9 # two may come at once
if [[ -e $folder/release ]]; then exit 0; fi

work=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
base=
if ! release=$(installed); then
  for tool in apt-get dpkg-deb; do
    command -v "$tool" > /dev/null || die "no $tool, and no kernel of Debian's is installed: the lab needs Debian"
  done
  echo "tests/lab/kernel.sh: fetching linux-image-amd64 (once; it stays in $folder)" >&2
  base=$work
  download
  unpack
  release=$(echo boot/vmlinuz-*)
  release=${release#boot/vmlinuz-}
  depmod -b "$base" "$release"
fi
elf "$base/boot/vmlinuz-$release" > "$folder/vmlinux"
collect "$base" "$release" > "$folder/modules.cpio"
echo "$release" > "$folder/release" # the last, which says that the others are complete
