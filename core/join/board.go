package join

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// byBoard is the means of a launcher with a table.
type byBoard struct{ board }

// An invitation is what host 0 writes there.
type invitation struct {
	secret    []byte
	machine   string // of host 0
	addresses []string
}

// invitationVersion begins the text, so that versions of the library that differ there can tell.
const invitationVersion = "jia1"

func (i invitation) encode(limit int) string {
	text := strings.Join([]string{invitationVersion, hex.EncodeToString(i.secret), i.machine}, ";")
	for _, address := range i.addresses {
		if len(text)+1+len(address) > limit {
			break
		}
		text += ";" + address
	}
	return text
}

func decodeInvitation(text string) (i invitation, err error) {
	words := strings.Split(text, ";")
	if len(words) < 4 || words[0] != invitationVersion {
		return i, errors.New("host 0's invitation cannot be read: run the same version of the library on all hosts")
	}
	i = invitation{machine: words[2], addresses: words[3:]}
	if i.secret, err = hex.DecodeString(words[1]); err != nil || len(i.secret) != secretSize {
		return i, errors.New("host 0's invitation has no secret")
	}
	for _, address := range i.addresses {
		if _, err := netip.ParseAddrPort(address); err != nil {
			return i, fmt.Errorf("host 0's invitation has an address that is none: %w", err)
		}
	}
	return i, nil
}

func (b byBoard) open(l *Launch, bind string) (*gate, error) {
	if bind == "" && l.oneMachine {
		bind = "127.0.0.1"
	}
	listener, err := listen(net.JoinHostPort(bind, "0"))
	if err != nil && bind == "127.0.0.1" {
		listener, err = listen("[::1]:0") // a machine without IPv4
	}
	if err != nil {
		return nil, err
	}
	secret := newSecret()
	text := invitation{secret: secret, machine: machineID(), addresses: reachable(listener.Addr())}.encode(b.limit())
	if _, err := b.share(0, text); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &gate{listener: listener, secret: secret}, nil
}

func (b byBoard) find(l *Launch) (*place, error) {
	text, err := b.share(l.Rank, "")
	if err != nil {
		return nil, err
	}
	i, err := decodeInvitation(text)
	if err != nil {
		return nil, err
	}
	addresses := candidates(i.addresses, i.machine == machineID())
	if len(addresses) == 0 {
		return nil, errors.New("host 0 has no address that other machines can use: see its interfaces (ip address)")
	}
	return &place{addresses: addresses, secret: i.secret, where: strings.Join(addresses, ", ")}, nil
}

// reachable lists where a listener can be reached, loopback included.
func reachable(at net.Addr) []string {
	bound, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return nil
	}
	if ip := bound.Addr().Unmap(); !ip.IsUnspecified() {
		return []string{netip.AddrPortFrom(ip, bound.Port()).String()}
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var four, six []string
	for _, address := range interfaces {
		prefix, err := netip.ParsePrefix(address.String())
		ip := prefix.Addr().Unmap()
		switch {
		case err != nil || ip.IsLinkLocalUnicast():
		case ip.Is4():
			four = append(four, netip.AddrPortFrom(ip, bound.Port()).String())
		default:
			six = append(six, netip.AddrPortFrom(ip, bound.Port()).String())
		}
	}
	return append(four, six...)
}

// candidates picks those of host 0's addresses that can be right: loopback on its own machine, the others elsewhere.
func candidates(addresses []string, same bool) []string {
	var picked []string
	for _, address := range addresses {
		if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() == same {
			picked = append(picked, address)
		}
	}
	if same && len(picked) == 0 {
		return addresses // host 0 listens on one address only
	}
	return picked
}
