package epoll

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jiajia/core/event"
)

// lone returns a started transport of a job of one host, with what it logs.
func lone(t *testing.T, prepare func(*Transport)) (*Transport, chan string) {
	t.Helper()
	lines := make(chan string, 100)
	o := options(0, deaf{})
	o.Log = event.NewTo(event.Warn, 0, func(line []byte) { lines <- string(line) })
	tr, err := Listen("tcp", "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	if prepare != nil {
		prepare(tr)
	}
	if err := tr.Start([]string{tr.Addr()}); err != nil {
		t.Fatal(err)
	}
	return tr, lines
}

func TestEachOffenceIsLoggedOnce(t *testing.T) {
	tr, lines := lone(t, func(tr *Transport) { tr.door.timeout = 100 * time.Millisecond })
	hb := func(change func(*hello)) []byte {
		h := hello{version: protocolVersion, purpose: forMailbox, from: 1, to: 0, mailbox: 900, hosts: 1, pageSize: 4096}
		change(&h)
		b := h.encode()
		return b[:]
	}
	as := func(*hello) {}
	proofOf := make([]byte, proofSize)
	for _, c := range []struct {
		says []byte
		want offence // unsaid: it has been logged before
	}{
		{[]byte("GET / HTTP/1.1\r\n\r\n"), notHello},
		{[]byte("\x00"), unsaid},
		{hb(func(h *hello) { h.version++ }), badVersion},
		{hb(func(h *hello) { h.to = 3 }), badIdentity},
		{append(hb(as), proofOf...), badSecret},
		{nil, outOfTime},
		{hb(as)[:20], unsaid},
		{hb(as), unsaid},
	} {
		for range 3 {
			fd := stranger(t, tr)
			write(t, tr, fd, c.says)
			hungUp(t, tr, fd)
		}
		var got []string
		for len(lines) > 0 {
			got = append(got, <-lines)
		}
		if c.want == unsaid && len(got) != 0 ||
			c.want != unsaid && (len(got) != 1 || !strings.HasPrefix(got[0], "jia: host 0: warn: refused a connection from 127.0.0.1: "+string(c.want))) {
			t.Errorf("%q logged %q", c.says, got)
		}
	}
}

// TestRemarksEnd: an attacker who has many addresses fills no log either.
func TestRemarksEnd(t *testing.T) {
	var lines []string
	r := remarks{log: event.NewTo(event.Warn, 0, func(line []byte) { lines = append(lines, string(line)) })}
	for i := range 1000 {
		for range 2 {
			r.make(notHello, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		}
	}
	if len(lines) != mostRemarks {
		t.Fatalf("%d lines, not %d", len(lines), mostRemarks)
	}
	for i, line := range lines {
		if !strings.Contains(line, fmt.Sprintf("from 10.0.0.%d:", i)) || strings.Contains(line, "the last line") != (i == mostRemarks-1) {
			t.Errorf("line %d: %s", i, line)
		}
	}
}
