package rdma

import (
	"errors"
	"testing"

	"jiajia/core/wire"
)

var secret = []byte("a secret that only tests know...")

// FuzzHello: any private data is refused or says what encodes to the same.
func FuzzHello(f *testing.F) {
	h := hello{version: protocolVersion, from: 3, to: 1, hosts: 4, pageSize: 4096}
	b := h.encode()
	f.Add(b[:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h hello
		if h.decode(b) != nil {
			return
		}
		again := h.encode()
		if string(again[:helloSize-helloNonce-4]) != string(b[:helloSize-helloNonce-4]) {
			t.Fatalf("%x is %+v, which is %x", b, h, again)
		}
	})
}

func TestHandshake(t *testing.T) {
	h := hello{version: protocolVersion, from: 3, to: 1, hosts: 4, pageSize: 4096}
	hb := h.encode()
	if again := h.encode(); again == hb {
		t.Error("two hellos with one nonce")
	}
	cb := encodeChallenge(accepted, 1)
	padded := append(cb[:], make([]byte, 140)...) // as the connection manager hands it over
	if c, err := readChallenge(padded, 1); err != nil || c != cb {
		t.Error(err)
	}
	v := encodeVerdict(accepted, counterproof(secret, &hb, &cb, accepted))
	if err := readVerdict(v[:], secret, &hb, &cb); err != nil {
		t.Error(err)
	}
	if string(proof(secret, &hb, &cb)) == string(counterproof(secret, &hb, &cb, accepted)) {
		t.Error("the proof can be reflected")
	}
	refused := encodeVerdict(otherJob, counterproof(secret, &hb, &cb, otherJob))
	forged := encodeVerdict(accepted, counterproof([]byte("another secret of the same length"), &hb, &cb, accepted))
	old := encodeChallenge(accepted, 1)
	old[8]++
	busyNow := encodeChallenge(busy, 1)
	for what, c := range map[string]struct{ got, want error }{
		"verdict of another job": {readVerdict(refused[:], secret, &hb, &cb), ErrJob},
		"forged verdict":         {readVerdict(forged[:], secret, &hb, &cb), ErrSecret},
		"short verdict":          {readVerdict(v[:20], secret, &hb, &cb), ErrStranger},
		"other version":          {second(readChallenge(old[:], 1)), ErrVersion},
		"other host":             {second(readChallenge(cb[:], 2)), ErrIdentity},
		"busy host":              {second(readChallenge(busyNow[:], 1)), ErrBusy},
		"no challenge":           {second(readChallenge(make([]byte, 196), 1)), ErrStranger},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", what, c.got)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzInvitation: any bytes are refused or are what the invitation encodes to.
func FuzzInvitation(f *testing.F) {
	for _, i := range []invitation{
		{purpose: forMailbox, mailbox: 3, token: 1, number: 1<<24 - 1, psn: 7},
		{purpose: forLink, token: 1 << 31, number: 17},
		{token: 9, status: unable},
	} {
		b := i.encode()
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var i invitation
		if !isInvitation(b) || i.decode(b) != nil {
			return
		}
		if again := i.encode(); string(again[:]) != string(b) {
			t.Fatalf("%x is %+v, which is %x", b, i, again)
		}
	})
}

// FuzzAssembly: segments of any content, cut anywhere, lead to messages or to an error.
func FuzzAssembly(f *testing.F) {
	diff := wire.Append(nil, &wire.Message{Type: wire.Diff, From: 2, Reply: 1, Length: 100})
	f.Add(append(diff, make([]byte, 100)...), uint16(130))
	f.Add(wire.Append(nil, &wire.Message{Type: wire.LockReq, From: 2, Reply: 1}), uint16(4160))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		a := assembly{from: 2, allowed: wire.Posts | wire.Requests}
		for n := int(cut)%segmentBytes + 1; len(b) > 0; b = b[min(n, len(b)):] {
			payload, complete, err := a.take(b[:min(n, len(b))])
			if err != nil {
				return
			}
			if complete && uint64(len(payload)) != a.m.Length {
				t.Fatalf("%d payload bytes of %+v", len(payload), a.m)
			}
		}
	})
}

// TestSegments: what is cut into segments is put together again.
func TestSegments(t *testing.T) {
	for _, n := range []int{0, 1, segmentBytes - wire.HeaderSize, segmentBytes - wire.HeaderSize + 1, 3 * packetBytes, 100_000} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(i * 7)
		}
		m := wire.Message{Type: wire.Diff, From: 2, Reply: 1, Length: uint64(n)}
		var out pieces
		out.set(wire.Append(nil, &m), [][]byte{body[:n/3], nil, body[n/3:]})
		if n == 100_000 { // what waits in a queue
			out.set(out.rest(), nil)
		}
		a := assembly{from: 2, allowed: wire.Requests}
		var room [segmentBytes]byte
		segments, arrived := 0, false
		for ; !out.done(); segments++ {
			payload, complete, err := a.take(room[:out.segment(room[:])])
			if err != nil || arrived {
				t.Fatal(n, err)
			}
			if arrived = complete; complete && string(payload) != string(body) {
				t.Fatalf("%d bytes arrived damaged", n)
			}
		}
		if !arrived || n <= segmentBytes-wire.HeaderSize && segments != 1 {
			t.Errorf("%d bytes in %d segments: %v", n, segments, arrived)
		}
	}
}
