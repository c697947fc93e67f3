package join

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"jiajia/core/launch"
	"jiajia/core/reach"
)

// welcome tells every guest where to listen, once all have come, and makes host 0 one of the job.
func (r *root) welcome(bind string) (*Job, error) {
	local := map[string]int{r.self.Machine: 1}
	for _, g := range r.guests[1:] {
		local[g.hello.Machine]++
	}
	listen, err := r.listenAddress(local[r.self.Machine] == len(r.guests), bind)
	if err != nil {
		r.accuse("host 0: " + err.Error())
		select {} // the end is near
	}
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	for _, g := range r.guests[1:] {
		m := message{Kind: kindWelcome, Local: local[g.hello.Machine], Nonce: nonce}
		if g.hello.Machine == r.self.Machine {
			m.Listen = listen // elsewhere it is the address by which the guest came
		}
		r.send(g, m)
	}
	return &Job{rank: 0, size: len(r.guests), local: local[r.self.Machine], listen: listen, star: r, world: r.config.world,
		secret: derive(r.gate.secret, nonce, "job")}, nil
}

// listenAddress finds the address for transports on this machine: the one by which all others have come, or a wildcard
// when there are several of those.
func (r *root) listenAddress(oneMachine bool, bind string) (string, error) {
	if bind != "" && !oneMachine {
		return bind, nil
	}
	if oneMachine {
		return loopbackLike(ipOf(r.guests[1].conn.LocalAddr())).String(), nil
	}
	var at netip.Addr
	for _, g := range r.guests[1:] {
		if g.hello.Machine == r.self.Machine {
			continue // over loopback
		}
		ip := ipOf(g.conn.LocalAddr())
		switch {
		case !at.IsValid() || at == ip:
			at = ip
		case at.Is4() != ip.Is4():
			return "", errors.New("some hosts come over IPv4 and others over IPv6: set JIA_NETWORK to a network that all are on")
		case at.Is4():
			at = netip.IPv4Unspecified()
		default:
			at = netip.IPv6Unspecified()
		}
	}
	return at.String(), nil
}

// tell notes where a host's transport listens, and tells everybody once all are known.
func (r *root) tell(rank int, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.addresses[rank] != "" {
		return // once is enough
	}
	r.addresses[rank] = address
	if r.unknown--; r.unknown > 0 {
		return
	}
	for _, g := range r.guests[1:] {
		table := append([]string{}, r.addresses...)
		for i, address := range table {
			table[i] = seenFrom(address, g.conn, g.hello.Machine == r.self.Machine)
		}
		go r.send(g, message{Kind: kindTable, Addresses: table})
	}
	close(r.exchanged)
}

// seenFrom makes an address of this machine one that works for a guest: the one by which it has come.
func seenFrom(address string, conn net.Conn, same bool) string {
	if same {
		return seenFromHere(address)
	}
	return reach.Through(address, ipOf(conn.LocalAddr()))
}

// seenFromHere makes it one that works on this machine.
func seenFromHere(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	return reach.Through(address, loopbackLike(at.Addr()))
}

// loopbackLike returns the loopback address of the same family.
func loopbackLike(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// exchange is the root's own part of it.
func (r *root) exchange(address string) ([]string, error) {
	r.mu.Lock()
	again := r.addresses[0] != ""
	r.mu.Unlock()
	if again {
		return nil, errAgain
	}
	r.tell(0, address)
	late := time.NewTimer(r.config.world.join)
	select {
	case <-r.exchanged:
		late.Stop()
	case <-late.C:
		r.accuse(fmt.Sprintf("host 0: %s did not finish jia_init within %v of host 0: see what keeps it", launch.HostList(r.silent()), r.config.world.join))
		select {} // the end is near
	}
	table := append([]string{}, r.addresses...)
	for i, address := range table {
		table[i] = seenFromHere(address)
	}
	return table, nil
}

// silent lists the ranks that have not said where they listen.
func (r *root) silent() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ranks []int
	for rank, address := range r.addresses {
		if address == "" {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}
