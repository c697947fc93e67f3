#!/usr/bin/env bash
# The network of the virtual machine and its RDMA devices. Inside it is also there as the command lab-link:
#
#   lab-link down N      pull the cable of node N
#   lab-link up N        put it back
#
# Every node has an address, a netdev, a port of the one switch and, unless it is a plain node, an rxe device, all in one network
# namespace: rdma_rxe of Linux 6.1 receives packets in the initial one only. The kernel would deliver packets between its own
# addresses through lo, where no rxe device looks for them. These rules send them over the wire instead:
#   - what comes in on a node's netdev is for this machine;
#   - what a node sends to itself stays here;
#   - what a node sends to another node goes out of its own netdev;
#   - what has no source address yet and is for a node gets that of the node before it.
set -euo pipefail
nodes=0 plain=0 mtu=0
# shellcheck source=/dev/null  # nodes=2 plain=0 mtu=4200
. /run/jia-lab/ctl/shape
readonly subnet=10.99.0 all=$((nodes + plain))

netdev() { if (($1 < nodes)); then echo "rdma$1"; else echo "plain$(($1 - nodes))"; fi; }

setup() {
  local name i dev address next
  for name in all default; do
    echo 1 > /proc/sys/net/ipv4/conf/$name/accept_local
    echo 1 > /proc/sys/net/ipv4/conf/$name/arp_ignore
    echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter
  done
  {
    echo "link set lo up"
    echo "link add labbr mtu $mtu type bridge"
    for ((i = 0; i < all; i++)); do
      dev=$(netdev $i)
      echo "link add $dev mtu $mtu type veth peer name labbr$i mtu $mtu"
      echo "link set labbr$i master labbr up"
      echo "link set $dev up"
      echo "addr add $subnet.$((i + 1))/24 dev $dev"
    done
    echo "link set labbr up"
    echo "rule add pref 1000 lookup local"
    echo "rule del pref 0"
    for ((i = 0; i < all; i++)); do
      dev=$(netdev $i) address=$subnet.$((i + 1)) next=$subnet.$(((i + 1) % all + 1))
      echo "rule add pref 100 iif $dev lookup local"
      echo "rule add pref 200 from $address to $address lookup local"
      echo "rule add pref 300 from $address to $subnet.0/24 lookup $((1000 + i))"
      echo "route add $subnet.0/24 dev $dev src $address table $((1000 + i))"
      echo "route add $next dev $dev src $address table 999"
    done
    echo "rule add pref 400 to $subnet.0/24 lookup 999"
  } | ip -batch -
  for ((i = 0; i < nodes; i++)); do echo "link add rxe$i type rxe netdev rdma$i"; done | rdma -b -
}

case ${1:-} in
  setup) setup ;;
  up | down) ip link set "labbr${2:?node}" "$1" ;;
  *)
    echo "usage: lab-link up|down NODE" >&2
    exit 2
    ;;
esac
