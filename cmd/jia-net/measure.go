package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A path is a pair of addresses.
type path struct {
	local  netip.Addr // not valid: the kernel chooses
	remote netip.Addr
	what   string // about the interface of remote, if the serving end says so
}

func (p path) String() string {
	if p.local.IsValid() {
		return fmt.Sprintf("%v,%v", p.local, p.remote)
	}
	return p.remote.String()
}

// parsePath reads "[LOCAL,]REMOTE".
func parsePath(text string) (p path, err error) {
	remote := text
	if local, rest, ok := strings.Cut(text, ","); ok {
		remote = rest
		if p.local, err = netip.ParseAddr(local); err != nil {
			return p, fmt.Errorf("%q: the part before the comma is no address", text)
		}
	}
	if p.remote, err = netip.ParseAddr(remote); err != nil {
		return p, fmt.Errorf("%q is no address", remote)
	}
	return p, nil
}

// measure connects to the serving end, measures every path and prints the table.
func measure(at, token string, paths []string, stdout io.Writer) error {
	var list []path
	for _, text := range paths {
		p, err := parsePath(text)
		if err != nil {
			return err
		}
		list = append(list, p)
	}
	if token == "" {
		return errors.New("set " + tokenVariable + " to what jia-net serve has printed on the other machine")
	}
	conn, err := net.DialTimeout("tcp", at, handshakeLimit)
	if err != nil {
		return fmt.Errorf("reach the other end: %w", err)
	}
	defer conn.Close()
	w, err := shake(conn, token, false)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	var g greeting
	if err := w.receive(&g); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	var t table
	for _, p := range choose(list, g.Addresses) {
		if err := t.measure(w, p); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	_, err = io.WriteString(stdout, t.text())
	if err == nil && !slices.ContainsFunc(t.rows, func(r row) bool { return r.err == nil }) {
		err = errors.New("nothing could be measured")
	}
	return err
}

// choose adds what the other end says about its addresses; without paths, it takes all of them.
func choose(paths []path, theirs []nic) []path {
	if len(paths) == 0 {
		for _, n := range theirs {
			if ip, err := netip.ParseAddr(n.Address); err == nil {
				paths = append(paths, path{remote: ip})
			}
		}
	}
	for i := range paths {
		for _, n := range theirs {
			if n.Address == paths[i].remote.String() {
				paths[i].what = n.What
			}
		}
	}
	return paths
}

// measure adds the rows of a path. An error is one of the control connection; others are in the rows.
func (t *table) measure(w *wire, p path) error {
	if err := w.send(request{Listen: p.remote.String()}); err != nil {
		return err
	}
	var o offer
	if err := w.receive(&o); err != nil {
		return err
	}
	tcp := row{path: p, how: "TCP"}
	if o.Error != "" {
		tcp.err = errors.New(o.Error)
	} else {
		tcp.result, tcp.err = overTCP(p.local, o.TCP, w.key)
	}
	t.rows = append(t.rows, tcp)
	switch {
	case o.RDMA != 0:
		local := p.local
		if !local.IsValid() && tcp.err == nil {
			local = tcp.from
		}
		send, read := row{path: p, how: "SEND, " + o.Device}, row{path: p, how: "READ, " + o.Device}
		send.result, read.result, send.err = overRDMA(local, netip.AddrPortFrom(p.remote, uint16(o.RDMA)), w.key)
		read.err = send.err
		t.rows = append(t.rows, send, read)
	case o.NotRDMA != "":
		t.notes = append(t.notes, fmt.Sprintf("%v: no RDMA: %s", p.remote, o.NotRDMA))
	}
	return w.send(request{})
}

// A result is what was measured on a path in one way; zero values were not.
type result struct {
	from        netip.Addr // the address here
	small, page sample     // a message there and back; one there, and a page back
	bandwidth   float64    // bytes a second
}

// A sample sums up times.
type sample struct{ median, p99 time.Duration }

func newSample(times []time.Duration) sample {
	slices.Sort(times)
	return sample{times[len(times)/2], times[len(times)*99/100]}
}
