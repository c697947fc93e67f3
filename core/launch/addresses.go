package launch

import (
	"fmt"
	"net/netip"

	"jiajia/core/reach"
)

// What each machine's hosts listen on is decided here, before any host is welcomed. A machine elsewhere is known by the address
// at which ssh reached it, which is one that packets can be sent to from here; a name, which on its own machine often means a
// loopback address, is never used. This machine takes the address from which the others are reached. Is that not the same for
// all of them, its hosts listen on every address, and each machine is told the one that is on its side.

// settleAddresses fills s.listen and each link's toward.
func (s *supervisor) settleAddresses() error {
	s.listen = loopback()
	if s.plan.Network != "" {
		own, err := reach.On(s.plan.Network)
		if err != nil {
			return fmt.Errorf("host 0: %w: correct JIA_NETWORK", err)
		}
		s.listen = own
		return nil
	}
	loopbacks := 0
	for i, l := range s.links[1:] {
		if !l.address.IsValid() || l.address.IsLinkLocalUnicast() || l.address.IsUnspecified() {
			return fmt.Errorf("cannot tell at which address the other hosts reach %s: say with JIA_NETWORK over which network "+
				"they talk", l.site.Name)
		}
		if l.address.IsLoopback() {
			loopbacks++
		}
		toward, err := reach.Toward(l.address)
		if err != nil {
			return fmt.Errorf("cannot reach %s at %v: %w: say with JIA_NETWORK over which network the hosts talk", l.site.Name, l.address, err)
		}
		l.toward = toward
		if i == 0 {
			s.listen = toward
		} else if s.listen != toward {
			s.listen = wildcard(s.listen, toward)
		}
	}
	if loopbacks > 0 && loopbacks < len(s.links)-1 {
		return fmt.Errorf("ssh reaches some machines at loopback addresses, which mean nothing to the others: say with JIA_NETWORK over " +
			"which network the hosts talk")
	}
	return nil
}

// wildcard returns the address that stands for all of this machine's, of both families if both are needed.
func wildcard(a, b netip.Addr) netip.Addr {
	if a.Is4() && b.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// loopback returns this machine's loopback address, of whichever family it has.
func loopback() netip.Addr {
	v4 := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if _, err := reach.Toward(v4); err != nil {
		return netip.IPv6Loopback()
	}
	return v4
}

// listenOn returns the address that the hosts of a machine listen on; nil stands for this machine.
func (s *supervisor) listenOn(l *link) netip.Addr {
	if l == nil {
		return s.listen
	}
	return l.address
}

// seenFrom returns the address of a host as it works for the hosts of another machine: one that stands for all addresses of this
// machine becomes the one on the receivers' side.
func (s *supervisor) seenFrom(to *link, m *member) string {
	switch {
	case m.link != nil:
		return m.address
	case to == nil:
		return reach.Through(m.address, loopback())
	}
	return reach.Through(m.address, to.toward)
}
