#!/usr/bin/env bash
# net.sh JIA-NET: what jia-net says of the networks that every machine can have: the loopback, a virtual cable between two
# namespaces (as root), and Soft-RoCE in the lab's virtual machine (emulated: only the ratios within its table mean something).
set -euo pipefail
jia_net=$(realpath "${1:?usage: net.sh JIA-NET}")
cd "$(dirname "$0")/../.."

echo "=== loopback"
"$jia_net" --local

if [ "$(id -u)" -eq 0 ]; then
  echo
  echo "=== veth between two network namespaces"
  a=jia-net-$$-a b=jia-net-$$-b
  server=
  finish() {
    if [ "$server" ]; then kill "$server" 2> /dev/null || true; fi
    ip netns del "$a" 2> /dev/null || true
    ip netns del "$b" 2> /dev/null || true
  }
  trap finish EXIT
  ip netns add $a
  ip netns add $b
  ip link add cable netns $a type veth peer name cable netns $b
  for i in 1 2; do
    if [ $i = 1 ]; then name=$a; else name=$b; fi
    ip -n $name address add 10.99.0.$i/24 dev cable
    ip -n $name link set cable up
  done
  JIA_NET_TOKEN=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
  export JIA_NET_TOKEN
  coproc SERVER { exec ip netns exec $a "$jia_net" serve --once 10.99.0.1:7777; }
  server=$SERVER_PID
  read -r _ <&"${SERVER[0]}" # it listens
  ip netns exec $b "$jia_net" 10.99.0.1:7777 10.99.0.1
else
  echo "=== veth: needs root"
fi

echo
echo "=== Soft-RoCE, two devices in an emulated machine"
tests/lab/vm --timeout 180 -- "$jia_net" --local 10.99.0.1,10.99.0.2
