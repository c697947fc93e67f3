package epoll

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// The bytes come out as they went in, whatever pieces they came in and are sent in.
func TestBacklogKeepsBytesAndOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var q backlog
	var in, out []byte
	memory := make([]byte, 1<<20)
	for i := range memory {
		memory[i] = byte(rng.Uint32())
	}
	for range 20000 {
		at := rng.IntN(len(memory))
		b := memory[at : at+min(rng.IntN(9000), len(memory)-at)]
		switch rng.IntN(4) {
		case 0:
			q.refer(b)
			in = append(in, b...)
		case 1:
			b = b[:min(100, len(b))]
			message := slices.Clone(b)
			q.copy(message)
			clear(message)
			in = append(in, b...)
		default:
			n := rng.IntN(20000)
			sent := bytes.Join(q.pieces, nil)
			sent = sent[:min(n, len(sent))]
			q.advance(len(sent))
			out = append(out, sent...)
		}
	}
	out = append(out, bytes.Join(q.pieces, nil)...)
	if !bytes.Equal(in, out) {
		t.Errorf("%d bytes went in, %d came out, or others", len(in), len(out))
	}
}

// Pages that the socket does not take are not copied, and go out as they are when it does, between messages in their order.
func TestPagesWaitWhereTheyAre(t *testing.T) {
	const windows = 400 // of 512 KiB
	memory := make([]byte, wire.MaxWindow*nodetest.PageSize)
	served := make(chan bool, 2*windows)
	p := newPair(t, func(h *nodetest.Host, m *wire.Message, _ []byte) {
		r := wire.Message{Type: wire.CVDone, From: h.ID, Port: m.Reply, Obj: m.Obj}
		var pages [][]byte
		if m.Type == wire.GetPage {
			r.Type = wire.Page
			for i := range wire.MaxWindow {
				r.Carry(i)
				pages = append(pages, memory[i*nodetest.PageSize:][:nodetest.PageSize])
			}
		}
		if err := h.Reply(m.From, &r, pages...); err != nil {
			t.Error(err)
		}
		served <- true
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b, err := p.tr[1].OpenMailbox(p.hosts[1].NextBox())
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(windows) {
		for _, m := range []wire.Message{{Type: wire.GetPage, Obj: i, Version: wire.MaxWindow, Epoch: 1}, {Type: wire.CVSet, Obj: i}} {
			m.From, m.Reply = 1, b.ID()
			if err := b.Send(0, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range 2 * windows {
		select {
		case <-served:
		case <-timer.C:
			t.Fatal("the requests were not served")
		}
	}
	for i := range memory {
		memory[i] = 'n'
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > windows*wire.MaxWindow*nodetest.PageSize/10 {
		t.Errorf("%d windows that nobody reads took %d bytes", windows, grown)
	}
	frames := slices.Collect(slices.Chunk(make([]byte, len(memory)), nodetest.PageSize))
	for i := range uint64(windows) {
		var m wire.Message
		if err := b.Recv(0, &m, frames); err != nil || m.Type != wire.Page || m.Obj != i {
			t.Fatalf("window %d: %+v, %v", i, m, err)
		}
		if err := b.Recv(0, &m, nil); err != nil || m.Type != wire.CVDone || m.Obj != i {
			t.Fatalf("after window %d: %+v, %v", i, m, err)
		}
	}
	for i, f := range frames {
		if !bytes.Equal(f, memory[:nodetest.PageSize]) {
			t.Fatalf("page %d of the last window is as it was when it was asked for", i)
		}
	}
}
