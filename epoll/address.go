package epoll

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// resolve turns "host:port" into a socket address; it takes names, too, of which the first IPv4 address counts, else the
// first IPv6 address. zone is the interface of this host's own link-local address, 0 if it has another one: the name
// of a zone means something on its own machine only, so that of another host's address is replaced by ours.
func resolve(network, address string, zone uint32) (unix.Sockaddr, int, error) {
	a, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, 0, err
	}
	if a.IP == nil {
		return nil, 0, fmt.Errorf("address %q names no host", address)
	}
	if ip := a.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}, unix.AF_INET, nil
	}
	sa := &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16()), ZoneId: zone}
	switch {
	case !a.IP.IsLinkLocalUnicast():
		sa.ZoneId = 0
	case zone != 0:
	case a.Zone == "":
		return nil, 0, fmt.Errorf("link-local address %q names no interface [write it as in fe80::1%%eth0]", address)
	default:
		nic, err := net.InterfaceByName(a.Zone)
		if err != nil {
			return nil, 0, fmt.Errorf("address %q: %w", address, err)
		}
		sa.ZoneId = uint32(nic.Index)
	}
	return sa, unix.AF_INET6, nil
}

// addrPort returns a socket address as a value, without its zone; an IPv4 address that came over an IPv6 socket as what
// it is.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// format is the inverse of resolve.
func format(sa unix.Sockaddr) string {
	a := addrPort(sa)
	if nic, err := net.InterfaceByIndex(int(zoneOf(sa))); err == nil {
		a = netip.AddrPortFrom(a.Addr().WithZone(nic.Name), a.Port())
	}
	return a.String()
}

func zoneOf(sa unix.Sockaddr) uint32 {
	if sa, ok := sa.(*unix.SockaddrInet6); ok {
		return sa.ZoneId
	}
	return 0
}

// onThisMachine tells whether both ends of a connected socket are here: on the loopback, or at one address, since the
// kernel connects to an address of this machine from that very address.
func onThisMachine(fd int) bool {
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return false
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	a := addrPort(peer).Addr()
	return a.IsLoopback() || a == addrPort(local).Addr()
}
