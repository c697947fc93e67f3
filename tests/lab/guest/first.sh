#!/bin/busybox sh
# shellcheck shell=sh
# The first process of the virtual machine, in its initial file system: load the modules, mount the other machine's file system
# under one whose changes are forgotten, and go on there.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
fail() { echo "jia-lab: $*" > /dev/console; poweroff -f; }
while read -r module; do
  insmod "$module" || fail "cannot load $module"
done < /load

p9=trans=virtio,version=9p2000.L,msize=512000
mkdir -p /lower /upper /new
mount -t 9p -o "ro,cache=loose,$p9" root /lower || fail "cannot mount the root"
mount -t tmpfs -o size=75%,mode=755 upper /upper
mkdir /upper/data /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /new || fail "cannot mount the overlay"

mount -t tmpfs -o mode=755 run /new/run
mkdir -p /new/run/jia-lab/ctl /new/run/jia-lab/bin /new/proc /new/sys /new/dev /new/lib/modules
mount -t 9p -o "cache=none,$p9" ctl /new/run/jia-lab/ctl || fail "cannot mount the control folder"
while read -r tag dir; do
  mkdir -p "/new$dir"
  mount -t 9p -o "cache=mmap,$p9" "$tag" "/new$dir" || fail "cannot mount $dir"
done < /new/run/jia-lab/ctl/shares
mount -t tmpfs modules /new/lib/modules
cp -r /lib/modules/. /new/lib/modules/
for dir in proc sys dev; do mount -o move "/$dir" "/new/$dir"; done
exec switch_root /new /bin/bash /run/jia-lab/ctl/second.sh
