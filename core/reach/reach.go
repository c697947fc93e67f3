// Package reach answers where this machine is on the network: whether a name means it, which of its addresses lies on a
// given network, and which one others see. Everything may be called from any goroutine; nothing has state.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// ThisMachine reports whether a host name or IP address means this machine: localhost, a loopback address, this machine's
// own name (with or without its domain), an address of one of its interfaces, or a name that resolves to one of these.
// A name that does not resolve, or not before ctx ends, is another machine's. It blocks while a name is resolved.
func ThisMachine(ctx context.Context, name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), ".")
	if addr, err := netip.ParseAddr(name); err == nil {
		return own(addr, interfaceAddrs())
	}
	if sameName(name, "localhost") {
		return true
	}
	if host, err := os.Hostname(); err == nil && sameName(name, host) {
		return true
	}
	if name == "" {
		return false
	}
	// Go's own resolver, since libc's may not be usable yet, or at all in a static program.
	resolver := net.Resolver{PreferGo: true}
	resolved, err := resolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return false
	}
	mine := interfaceAddrs()
	for _, addr := range resolved {
		if own(addr, mine) {
			return true
		}
	}
	return false
}

// sameName reports whether two host names mean the same: names without a domain match any domain.
func sameName(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	short, _, qualified := strings.Cut(host, ".")
	return name == host || qualified && name == short
}

// own reports whether addr is a loopback address or one of mine.
func own(addr netip.Addr, mine []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return true
	}
	for _, p := range mine {
		if p.Addr() == addr {
			return true
		}
	}
	return false
}

// interfaceAddrs returns the addresses of all interfaces with their networks; none if the kernel will not tell.
func interfaceAddrs() []netip.Prefix {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	return prefixes(all)
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
		}
	}
	return list
}

// On returns this machine's own address on a network, which is the name of an interface ("eth0"), an IP address of this
// machine, or a network in CIDR notation ("10.1.0.0/16", "fd00::/8"). IPv4 comes before IPv6, and link-local addresses, which
// mean nothing elsewhere, are left out. The error says which addresses there are.
func On(network string) (netip.Addr, error) {
	if iface, err := net.InterfaceByName(network); err == nil {
		addrs, err := iface.Addrs()
		if err != nil {
			return netip.Addr{}, fmt.Errorf("the addresses of interface %s: %w", network, err)
		}
		if addr, ok := first(prefixes(addrs), func(netip.Addr) bool { return true }); ok {
			return addr, nil
		}
		return netip.Addr{}, fmt.Errorf("interface %s has no address that other machines can use", network)
	}
	within := func(a netip.Addr) bool { return false }
	if addr, err := netip.ParseAddr(network); err == nil {
		within = func(a netip.Addr) bool { return a == addr.Unmap() }
	} else if p, err := netip.ParsePrefix(network); err == nil {
		within = p.Masked().Contains
	} else if strings.ContainsAny(network, "/.:") {
		return netip.Addr{}, fmt.Errorf("network %q is no interface, IP address or network such as 10.1.0.0/16", network)
	}
	mine := interfaceAddrs()
	if addr, ok := first(mine, within); ok {
		return addr, nil
	}
	return netip.Addr{}, fmt.Errorf("this machine has no address on network %q: it has %s", network, list(mine))
}

// first returns the first suitable address, those of IPv4 before those of IPv6.
func first(mine []netip.Prefix, suits func(netip.Addr) bool) (netip.Addr, bool) {
	for _, want4 := range []bool{true, false} {
		for _, p := range mine {
			if a := p.Addr(); a.Is4() == want4 && !a.IsLinkLocalUnicast() && suits(a) {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

func list(mine []netip.Prefix) string {
	var words []string
	for _, p := range mine {
		words = append(words, p.String())
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Toward returns the address of this machine from which packets to remote leave, which is where remote can reach it
// unless an address translator is in between. Nothing is sent.
func Toward(remote netip.Addr) (netip.Addr, error) {
	if !remote.IsValid() || remote.IsUnspecified() {
		return netip.Addr{}, errors.New("the way to no address in particular")
	}
	// Connecting a datagram socket only looks the route up.
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote.Unmap(), 9)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the way to %v: %w", remote, err)
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("the way to %v: no local address", remote)
	}
	return local.AddrPort().Addr().Unmap(), nil
}

// Through returns an address ("ip:port") as it works for somebody who reaches this machine at ip: one that stands for all
// addresses of the machine becomes that one, any other stays as it is.
func Through(address string, ip netip.Addr) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	return netip.AddrPortFrom(ip, at.Port()).String()
}
