package node

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"jiajia/core/region"
	"jiajia/core/wire"
	"jiajia/pool"
)

const poolTestPages = 24 // of each host's part

// poolTestHost returns a host without a transport, the second of three, that has one pool with some objects.
func poolTestHost(t testing.TB, placement PoolPlacement) (*Node, *hostPool, []uint64) {
	t.Helper()
	n := &Node{cfg: Config{Self: 1, Hosts: 3, PageSize: 4096}, region: new(region.Region)}
	p := &hostPool{PoolConfig: PoolConfig{Name: "test", Placement: placement}, bounds: []uint64{0, poolTestPages, 2 * poolTestPages, 3 * poolTestPages}, pageSize: 4096, back: make([]giveBack, 3)}
	p.Pool = Pool{Base: 1 << 20, Bytes: 3 * poolTestPages * 4096, Serial: 7, Classes: pool.NewClasses(4096, pool.Granule, 0)}
	ofPages, ofLive := pool.Words(4096, 3*poolTestPages)
	p.Tables = pool.Tables{Pages: make([]atomic.Uint32, ofPages), Live: make([]atomic.Uint32, ofLive)}
	p.part = pool.New(pool.Config{PageSize: 4096, First: poolTestPages, Pages: poolTestPages, Classes: p.Classes, Tables: p.Tables})
	n.pools.list[0] = p
	n.pools.name(p)
	var objects []uint64
	for _, size := range []uint64{16, 100, 5000, 40000} {
		at, _, ok := p.part.Alloc(size, 1)
		if !ok {
			t.Fatal("no room")
		}
		objects = append(objects, at)
	}
	return n, p, objects
}

func TestFreedObjectsComeBack(t *testing.T) {
	for _, placement := range []PoolPlacement{PoolOwn, PoolOnHost} {
		n, p, objects := poolTestHost(t, placement)
		on, err := n.takeBack(p, &wire.Message{Type: wire.PoolGive, From: 2, Host: 2, Version: giveObjects, Numbers: objects})
		if err != nil || len(on) > 0 {
			t.Fatal(err, on)
		}
		st := p.part.Stats()
		if st.Objects > 0 || st.Bytes > 0 {
			t.Errorf("freed objects count as the program's: %+v", st)
		}
		switch aside := len(p.aside.objects); {
		case placement == PoolOwn && (aside > 0 || st.Held > 0):
			t.Errorf("%d objects wait, though they are at home here: %+v", aside, st)
		case placement == PoolOnHost && aside != len(objects):
			t.Errorf("%d objects wait for a refresh, not all %d", aside, len(objects))
		}
	}
}

// TestObjectsOnLentPagesArePassedOn: the owner of pages is asked, and knows who has them.
func TestObjectsOnLentPagesArePassedOn(t *testing.T) {
	n, p, _ := poolTestHost(t, PoolOwn)
	var answer wire.Message
	n.answer(p, &wire.Message{Type: wire.PoolAsk, From: 0, Version: askPages, Epoch: withLog(2, 1)}, &answer)
	if answer.Version < 2 {
		t.Fatalf("no pages: %+v", answer)
	}
	at := (answer.Epoch + 1) * 4096
	on, err := n.takeBack(p, &wire.Message{Type: wire.PoolGive, From: 2, Host: 2, Version: giveObjects, Epoch: fullWeight, Numbers: []uint64{at, at + 64}})
	if err != nil || len(on) != 1 || on[0].to != 0 || len(on[0].m.Numbers) != 2 || on[0].m.Host != 2 || on[0].m.Epoch != 1 {
		t.Errorf("%v, %+v", err, on)
	}
	if _, elsewhere := n.sizeOf(p, at); elsewhere != 0 {
		t.Errorf("host %d is said to know the object", elsewhere)
	}
	// The tenant itself has no object there, or it would not ask.
	if _, err := n.takeBack(p, &wire.Message{Type: wire.PoolGive, From: 0, Host: 0, Version: giveObjects, Numbers: []uint64{at}}); err == nil {
		t.Error("an object that nobody has was taken back")
	}
	back := wire.Message{Type: wire.PoolGive, From: 0, Host: 0, Version: givePages, Numbers: []uint64{answer.Epoch, answer.Version}}
	if _, err := n.takeBack(p, &back); err != nil {
		t.Error(err)
	}
	if _, err := n.takeBack(p, &back); err == nil {
		t.Error("pages came back twice")
	}
}

// FuzzPoolMessages: whatever other hosts send, it is an error or leaves the part whole.
func FuzzPoolMessages(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(0))
	f.Add([]byte{0, 0, 0, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 1, 1, 0x10, 0, 0, 0, 0, 0, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, placement uint8) {
		n, p, objects := poolTestHost(t, PoolPlacement(placement%3))
		for ; len(b) >= 11; b = b[11:] {
			m := wire.Message{Type: wire.PoolGive, Obj: 7, From: wire.HostID(b[1] % 3), Host: wire.HostID(b[1] / 3 % 3), Version: uint64(b[2] % 4),
				Epoch: binary.LittleEndian.Uint64(b[3:])}
			if b[0]%2 == 0 {
				var answer wire.Message
				n.answer(p, &m, &answer)
			} else {
				for _, delta := range objects {
					m.Numbers = append(m.Numbers, m.Epoch>>8+delta*uint64(b[1]%2), uint64(b[10]))
				}
				_, _ = n.takeBack(p, &m)
			}
			if err := p.part.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
