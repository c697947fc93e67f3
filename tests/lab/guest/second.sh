#!/usr/bin/env bash
# The same process, now in the other machine's file system: bring the devices up, run the command, report, power off.
# shellcheck disable=SC2154  # port_out and port_err are declared by name
ctl=/run/jia-lab/ctl
finish() {
  echo "$1" > $ctl/exit
  sync
  echo o > /proc/sysrq-trigger
  while :; do :; done
}
fail() { echo "jia-lab: $*" > /dev/console; finish failed; }
step() { echo "jia-lab: $1 at $(cut -d' ' -f1 /proc/uptime) s" > /dev/console; }
trap '' INT TERM HUP

step "root file system ready"
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
ln -sfn /proc/self/fd /dev/fd
for fd in 0:stdin 1:stdout 2:stderr; do ln -sfn "/proc/self/fd/${fd%%:*}" "/dev/${fd##*:}"; done
echo jia-lab > /proc/sys/kernel/hostname
ulimit -l unlimited

install -m 755 $ctl/network.sh /run/jia-lab/bin/lab-link
bash $ctl/network.sh setup > /dev/console 2>&1 || fail "cannot set up the devices"
step "devices ready"

# Each stream has a port of its own. A port can be opened only once, so a program that opens /dev/stdout needs a pipe before it.
for port in /sys/class/virtio-ports/*; do
  read -r name < "$port/name"
  declare "port_$name=/dev/${port##*/}"
done
mkfifo /run/jia-lab/out /run/jia-lab/err
cat /run/jia-lab/out > "$port_out" & copy_out=$!
cat /run/jia-lab/err > "$port_err" & copy_err=$!

mapfile -d '' command < $ctl/command
mapfile -d '' environment < $ctl/environment
cwd=$(< $ctl/cwd)
(
  trap - INT TERM HUP
  cd "$cwd" || exit 125
  exec env -i "${environment[@]}" "PATH=$PATH:/run/jia-lab/bin" "${command[@]}"
) < /dev/null > /run/jia-lab/out 2> /run/jia-lab/err
code=$?
step "command ended with status $code"

# What the command left running may still hold the pipes: do not wait long.
for ((i = 0; i < 20; i++)); do
  if ! kill -0 $copy_out 2> /dev/null && ! kill -0 $copy_err 2> /dev/null; then break; fi
  sleep 0.1
done
finish $code
