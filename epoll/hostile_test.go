package epoll

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// put returns a message's bytes with some of them replaced.
func put(m wire.Message, at int, b ...byte) []byte {
	enc := wire.Append(nil, &m)
	copy(enc[at:], b)
	return enc
}

// TestLyingRequests: whatever does not fit on a connection to a server ends with Lost, naming type and field.
func TestLyingRequests(t *testing.T) {
	get := wire.Message{Type: wire.GetPage, From: 1, Reply: 900, Obj: 1, Version: 1, Epoch: 1}
	arrive := wire.Message{Type: wire.BarArrive, From: 1}
	diff := wire.Message{Type: wire.Diff, From: 1, Reply: 900, Length: 100}
	for name, c := range map[string]struct {
		bytes []byte
		want  error
		words string // in the error
	}{
		"magic":                  {put(get, 0, 'X'), wire.ErrMagic, "magic"},
		"version":                {put(get, 4, 9), wire.ErrVersion, "version 9"},
		"payload of a request":   {put(get, 24, 1), wire.ErrField, "GetPage: payload length 1"},
		"length of a diff":       {put(diff, 24, 0, 0, 0, 1), wire.ErrField, "Diff: payload length"},
		"sender":                 {put(get, 8, 0), wire.ErrField, "GetPage: sender 0"},
		"port":                   {put(get, 12, 5), wire.ErrField, "GetPage: port 5"},
		"type":                   {put(get, 5, 200), wire.ErrField, "type 200"},
		"page on a request line": {put(wire.Message{Type: wire.Page, From: 1}, 0), wire.ErrField, "Page: type"},
		"rendezvous":             {put(arrive, 0), wire.ErrField, "BarArrive: type"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			write(t, p.tr[1], p.raw(900), c.bytes)
			if err := lossOf(t, p.hosts[0]); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "host 1") {
				t.Errorf("got %v, not %v with %q", err, c.want, c.words)
			}
		})
	}
}

// TestLyingData: the same on a connection for data, whether a thread attends or not.
func TestLyingData(t *testing.T) {
	data := wire.Message{Type: wire.Data, From: 1, Version: 100, Length: 100}
	for name, c := range map[string]struct {
		bytes []byte
		words string
	}{
		"magic":             {put(data, 0, 'X'), "magic"},
		"sender":            {put(data, 8, 0), "Data: sender 0"},
		"port":              {put(data, 12, 5), "Data: port 5"},
		"a request":         {put(wire.Message{Type: wire.GetPage, From: 1, Reply: 1, Version: 1, Epoch: 1}, 0), "GetPage: type"},
		"longer than whole": {put(data, 40, 99), "Data: payload length"},
		"cut short":         {put(data, 0), "middle"},
	} {
		for _, attended := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/attended=%v", name, attended), func(t *testing.T) {
				p := newPair(t, nil)
				var enough atomic.Bool
				ended := make(chan error, 1)
				if attended {
					go func() { ended <- p.tr[0].Attend(enough.Load) }()
				}
				fd, err := p.tr[1].dial(p.tr[1].peers[0], forData, 0, time.Now().Add(patience))
				if err != nil {
					t.Fatal(err)
				}
				write(t, p.tr[1], fd, c.bytes)
				if name == "cut short" {
					unix.Shutdown(fd, unix.SHUT_WR)
				}
				if err := lossOf(t, p.hosts[0]); !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "host 1") {
					t.Errorf("got %v, without %q", err, c.words)
				}
				if attended {
					enough.Store(true)
					p.tr[0].Recall()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestSecondDataConnection is refused, and harms nobody.
func TestSecondDataConnection(t *testing.T) {
	p := newPair(t, nil)
	m := wire.Message{Type: wire.Data, From: 1}
	if err := p.tr[1].SendData(0, &m); err != nil {
		t.Fatal(err)
	}
	if _, err := p.tr[1].dial(p.tr[1].peers[0], forData, 0, time.Now().Add(patience)); !errors.Is(err, ErrTwice) {
		t.Errorf("a second data connection: %v", err)
	}
	m.From = 0
	if err := p.tr[0].SendData(1, &m); err != nil {
		t.Error(err)
	}
	p.works()
}

func TestCutRequest(t *testing.T) {
	for _, n := range []int{1, wire.HeaderSize - 1, wire.HeaderSize, wire.HeaderSize + 99} {
		p := newPair(t, nil)
		fd := p.raw(900)
		b := append(wire.Append(nil, &wire.Message{Type: wire.Diff, From: 1, Length: 100}), make([]byte, 100)...)
		write(t, p.tr[1], fd, b[:n])
		unix.Shutdown(fd, unix.SHUT_WR)
		if err := lossOf(t, p.hosts[0]); !errors.Is(err, errHungUp) || !strings.Contains(err.Error(), "middle") {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

// TestLyingAnswers: the same for what arrives in a mailbox, seen by Recv and by the handler.
func TestLyingAnswers(t *testing.T) {
	frame := [][]byte{make([]byte, nodetest.PageSize)}
	for name, c := range map[string]struct {
		m     wire.Message
		frame [][]byte
		words string
	}{
		"short page":         {wire.Message{Type: wire.Page, Version: 1, Length: nodetest.PageSize / 2}, frame, "Page: payload length 2048"},
		"long page":          {wire.Message{Type: wire.Page, Version: 1, Length: 2 * nodetest.PageSize}, frame, "Page: payload length 8192"},
		"page for no frame":  {wire.Message{Type: wire.Page, Version: 1, Length: nodetest.PageSize}, nil, "Page: bytes of page 0 of 0"},
		"request":            {wire.Message{Type: wire.GetPage, Version: 1, Epoch: 1}, nil, "GetPage: type"},
		"another's port":     {wire.Message{Type: wire.DiffAck, Port: 77}, nil, "DiffAck: port 77"},
		"another's name":     {wire.Message{Type: wire.DiffAck, From: 1}, frame, "DiffAck: sender 1"},
		"impossible notices": {wire.Message{Type: wire.LockGrant, Notices: []wire.Notice{{Page: 1, Count: 0}}}, frame, "LockGrant: notice"},
	} {
		t.Run(name, func(t *testing.T) {
			served := make(chan bool, 1)
			p := newPair(t, func(*nodetest.Host, *wire.Message, []byte) { served <- true })
			b, err := p.tr[1].OpenMailbox(900)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Send(0, &wire.Message{Type: wire.CVSet, From: 1, Reply: b.ID()}); err != nil {
				t.Fatal(err)
			}
			<-served
			if c.m.Port == 0 {
				c.m.Port = b.ID()
			}
			at := p.tr[0].peers[1].box(b.ID())
			write(t, p.tr[0], at.fd, wire.Append(nil, &c.m))
			var m wire.Message
			err = b.Recv(0, &m, c.frame)
			if !errors.Is(err, wire.ErrField) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("Recv: %v, without %q", err, c.words)
			}
			if loss := lossOf(t, p.hosts[1]); !errors.Is(loss, wire.ErrField) {
				t.Errorf("Lost: %v", loss)
			}
		})
	}
}

// TestAnyPieces sends a stream of requests cut in random places: the server must see the same messages.
func TestAnyPieces(t *testing.T) {
	const messages = 300
	type seen struct {
		obj uint64
		sum byte
		n   int
	}
	got := make(chan seen, messages)
	p := newPair(t, func(h *nodetest.Host, m *wire.Message, body []byte) {
		s := seen{m.Obj, 0, len(body)}
		for _, x := range body {
			s.sum += x
		}
		got <- s
	})
	fd := p.raw(900)
	rng := rand.New(rand.NewPCG(3, 4))
	var stream []byte
	var want []seen
	for i := range uint64(messages) {
		m := wire.Message{Type: wire.CVSet, From: 1, Reply: 900, Obj: i}
		s := seen{obj: i}
		var body []byte
		if rng.IntN(3) == 0 {
			m.Type = wire.Diff
			body = make([]byte, []int{0, 1, 100, 4032, 4033, 70000}[rng.IntN(6)])
			m.Length = uint64(len(body))
			for j := range body {
				body[j] = byte(rng.Int())
				s.sum += body[j]
			}
			s.n = len(body)
		}
		stream = append(wire.Append(stream, &m), body...)
		want = append(want, s)
	}
	for len(stream) > 0 {
		n := min(len(stream), 1+rng.IntN([]int{3, 70, 300, 9000}[rng.IntN(4)]))
		write(t, p.tr[1], fd, stream[:n])
		stream = stream[n:]
	}
	for _, w := range want {
		if g := <-got; g != w {
			t.Fatalf("got %+v, not %+v", g, w)
		}
	}
}

// TestNoAllocations: a page fetch allocates nothing, on either side.
func TestNoAllocations(t *testing.T) {
	page := [][]byte{nodetest.Content(0, 1)}
	var reply, req, rep wire.Message
	p := newPair(t, func(h *nodetest.Host, m *wire.Message, body []byte) {
		reply = wire.Message{Type: wire.Page, From: 0, Port: m.Reply, Obj: m.Obj, Version: 1}
		if err := h.Reply(m.From, &reply, page...); err != nil {
			t.Error(err)
		}
	})
	b, err := p.tr[1].OpenMailbox(900)
	if err != nil {
		t.Fatal(err)
	}
	frame := [][]byte{make([]byte, nodetest.PageSize)}
	n := testing.AllocsPerRun(500, func() {
		req = wire.Message{Type: wire.GetPage, From: 1, Reply: b.ID(), Obj: 1, Version: 1, Epoch: 1}
		if err := b.Send(0, &req); err != nil {
			t.Fatal(err)
		}
		if err := b.Recv(0, &rep, frame); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a page", n)
	}
}
