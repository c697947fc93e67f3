package shm

import (
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

func FuzzCard(f *testing.F) {
	c, err := hereCard()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.String())
	f.Add("1,,,,")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCard(s)
		if err != nil {
			return
		}
		again, err := parseCard(c.String())
		if err != nil || again != c {
			t.Errorf("%q reads as %+v, and that as %+v, %v", s, c, again, err)
		}
	})
}

func FuzzHello(f *testing.F) {
	h := hello{from: 3, to: 1, hosts: 4, pageSize: 4096}
	f.Add(h.encode())
	f.Add(encodeChallenge(accepted))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, s, err := decodeHello(b); err == nil && s == accepted && string(h.encode()[:helloSize-nonceSize]) != string(b[:helloSize-nonceSize]) {
			t.Errorf("%q reads as %+v", b, h)
		}
		if decodeChallenge(b) == nil && len(b) != challengeSize {
			t.Errorf("%q is no challenge", b)
		}
	})
}

// FuzzInlet reads what a peer may have written to a ring.
func FuzzInlet(f *testing.F) {
	m := wire.Message{Type: wire.LockReq, From: 1, Reply: 3}
	f.Add(wire.Append(nil, &m), uint16(0))
	f.Add([]byte("garbage that is longer than a header of a message, as it would otherwise only be waited for"), uint16(7))
	segment, fd, err := makeSegment("jia-fuzz", ringHeadBytes+linkRing)
	if err != nil {
		f.Fatal(err)
	}
	unix.Close(fd)
	f.Cleanup(segment.free)
	var b bell
	f.Fuzz(func(t *testing.T, bytes []byte, extra uint16) {
		s := newSource(segment, 0, linkRing, alarm{&b, -1})
		copy(s.data, bytes)
		s.h.tail.Store(0)
		s.h.head.Store(uint64(len(bytes)) + uint64(extra))
		in := inlet{source: s, from: 1, allowed: wire.Posts | wire.Requests, spare: new(spares)}
		for range 100 {
			progress, err := in.turn(func(m *wire.Message, body []byte) {
				if m.From != 1 || len(body) != int(m.Length) {
					t.Errorf("delivered %+v with %d bytes", m, len(body))
				}
			}, always)
			if err != nil || !progress {
				break
			}
		}
	})
}
