package core

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"jiajia/core/wire"
)

// freeNow frees an allocation of a machine of one host, or of one where nothing is under way.
func freeNow(t *testing.T, m *Machine, addr uint64) {
	t.Helper()
	var fx Effects
	st, err := m.Free(1, addr, &fx)
	for st == Again && err == nil {
		st, err = m.Resume(1, &fx)
	}
	if st != Done || err != nil {
		t.Fatalf("jia_free(%#x): status %d, %v", addr, st, err)
	}
}

// barrierAlone passes a machine of one host through a barrier.
func barrierAlone(t *testing.T, m *Machine) {
	t.Helper()
	var fx Effects
	st, err := m.Barrier(1, 1, wire.KindBarrier, &fx)
	for st == Again && err == nil {
		fx.Reset()
		st, err = m.Resume(1, &fx)
	}
	if st != Done || err != nil {
		t.Fatalf("barrier: status %d, %v", st, err)
	}
}

// roomModel is memory in which every page is looked at by itself: first fit among what barriers have taken back.
type roomModel struct {
	used  [roomPages]bool
	live  []Span // allocations
	freed []Span // since the last barrier
}

const roomPages, roomBase = 200, 1<<20 + 3*64

// find returns where so many pages go, at a multiple of align bytes, or -1.
func (r *roomModel) find(n int, align uint64) int {
	for at := 0; at+n <= roomPages; at++ {
		if (roomBase+64*uint64(at))%align == 0 && !slices.Contains(r.used[at:at+n], true) {
			return at
		}
	}
	return -1
}

// playRoom does what ops say, two bytes for each call, on a machine and on the model.
func playRoom(t *testing.T, ops []byte) {
	m, r := New(Config{Hosts: 1, Pages: roomPages, PageSize: 64, Base: roomBase}), &roomModel{}
	for ; len(ops) >= 2; ops = ops[2:] {
		what, n := ops[0], int(ops[1])
		switch {
		case what%8 == 0:
			barrierAlone(t, m)
			for _, s := range r.freed {
				clear(r.used[s.Page:s.end()])
			}
			r.freed = r.freed[:0]
		case what%8 < 4 && len(r.live) > 0:
			s := r.live[n%len(r.live)]
			freeNow(t, m, m.address(s.Page))
			r.live = slices.Delete(r.live, n%len(r.live), n%len(r.live)+1)
			r.freed = append(r.freed, s)
		default:
			n = 1 + n%12
			align := uint64(1) << (what / 8 % 11)
			want := r.find(n, align)
			p, err := m.AllocAttr(uint64(n)*64, &Attr{Alignment: align})
			if (err == nil) != (want >= 0) || err == nil && int(p) != want {
				t.Fatalf("%d pages aligned to %d are at page %d, %v; want page %d", n, align, p, err, want)
			}
			if err == nil {
				r.live = append(r.live, Span{p, uint64(n)})
				for i := range n {
					r.used[want+i] = true
				}
			}
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	}
	for p := range PageID(roomPages) {
		alive := slices.ContainsFunc(r.live, func(s Span) bool { return p >= s.Page && p < s.end() })
		if m.Allocated(p) != alive {
			t.Fatalf("page %d is allocated: %v, want %v", p, !alive, alive)
		}
	}
}

// TestRoomIsTakenLikeANaiveModelDoes plays random calls.
func TestRoomIsTakenLikeANaiveModelDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		ops := make([]byte, 2*400)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		playRoom(t, ops)
	}
}

// FuzzRoom plays any calls.
func FuzzRoom(f *testing.F) {
	f.Add([]byte{4, 3, 5, 7, 1, 0, 0, 0, 6, 1, 4, 2})
	f.Add([]byte{44, 11, 84, 3, 2, 0, 3, 0, 8, 0, 4, 11, 4, 11})
	f.Fuzz(playRoom)
}

func TestWhatCannotBeFreed(t *testing.T) {
	const base = 1 << 20
	m := New(Config{Hosts: 1, Pages: 100, PageSize: 64, Base: base})
	for range 3 {
		if _, err := m.Alloc(CallAlloc, 3*64); err != nil {
			t.Fatal(err)
		}
	}
	freeNow(t, m, base+3*64)
	barrierAlone(t, m)
	freeNow(t, m, base+6*64)
	for _, c := range []struct {
		name string
		addr uint64
		says string
	}{
		{"below the region", base - 64, "not shared memory"},
		{"beyond the region", base + 100*64, "not shared memory"},
		{"a small number", 8, "not shared memory"},
		{"never allocated", base + 9*64, "nothing is allocated there"},
		{"taken back already", base + 3*64, "nothing is allocated there"},
		{"freed twice", base + 6*64, "an allocation that has been freed already"},
		{"inside, on a page", base + 64, "inside an allocation of 192 bytes that begins at 0x100000"},
		{"inside a page", base + 1, "inside an allocation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fx Effects
			_, err := m.Free(1, c.addr, &fx)
			var is *Misuse
			if !errors.As(err, &is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want what says %q", err, c.says)
			}
		})
	}
	freeNow(t, m, 0)
	freeNow(t, m, base)
}

// TestFreeWaitsForWhatIsUnderWay: a copy that is on its way when its page is freed is not installed, jia_free waits for it, and
// a dirty copy goes without a diff.
func TestFreeWaitsForWhatIsUnderWay(t *testing.T) {
	m := New(Config{Hosts: 2, Pages: 100, PageSize: 64, Base: 1 << 20})
	if _, err := m.Alloc(CallAlloc2p, 2*64, 1); err != nil {
		t.Fatal(err)
	}
	var fx Effects
	fetch := func(w Waiter, p PageID) {
		t.Helper()
		if st, err := m.Fault(w, p, true, &fx); st != Await || err != nil {
			t.Fatal(st, err)
		}
	}
	page := func(w Waiter, p PageID) {
		t.Helper()
		if err := m.Handle(&wire.Message{Type: wire.Page, From: 1, Port: uint32(w), Obj: uint64(p)}, &fx); err != nil {
			t.Fatal(err)
		}
	}
	fetch(1, 0)
	page(1, 0)
	if st, err := m.Resume(1, &fx); st != Done || err != nil || m.StateOf(0) != Dirty {
		t.Fatal(st, err, m.StateOf(0))
	}
	fetch(1, 1)
	fx.Reset()
	st, err := m.Free(2, 1<<20, &fx)
	if st != Parked || err != nil {
		t.Fatal(st, err)
	}
	if len(fx.List) != 1 || fx.List[0].Kind != Abandon || fx.List[0].Page != 0 || fx.List[0].Count != 2 {
		t.Errorf("effects %+v, want both pages abandoned and nothing sent", fx.List)
	}
	fx.Reset()
	page(1, 1)
	if len(fx.List) != 1 || fx.List[0].Kind != Wake || fx.List[0].Waiter != 2 {
		t.Errorf("effects %+v, want jia_free woken", fx.List)
	}
	if st, err := m.Resume(1, &fx); !errors.Is(err, ErrUnallocated) {
		t.Errorf("the access that was under way: status %d, %v; want %v", st, err, ErrUnallocated)
	}
	if st, err := m.Resume(2, &fx); st != Done || err != nil {
		t.Error(st, err)
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	if _, cached := m.Usage(); cached != 0 {
		t.Errorf("%d copies are left", cached)
	}
}

// TestManyRoundsLeaveNothingBehind: what the machine keeps does not grow with the number of allocations.
func TestManyRoundsLeaveNothingBehind(t *testing.T) {
	const base = 1 << 20
	m := New(Config{Hosts: 1, Pages: 1 << 20, PageSize: 64, Base: base})
	rng := rand.New(rand.NewPCG(7, 7))
	var fx Effects
	for i := range 100_000 {
		p, err := m.Alloc(CallAlloc, 1+rng.Uint64N(10*64))
		if err != nil {
			t.Fatal(err)
		}
		fx.Reset()
		if st, err := m.Fault(1, p, true, &fx); st != Done || err != nil {
			t.Fatal(st, err)
		}
		freeNow(t, m, base+64*uint64(p))
		if i%16 == 15 {
			barrierAlone(t, m)
		}
	}
	if len(m.extents)+len(m.vacant)+len(m.freed)+len(m.newAllocs)+len(m.dirty)+len(m.log.entries) != 0 || m.allocated != 0 || len(m.pages.chunks) > 512/chunkPages {
		t.Errorf("%d allocations, %d vacant ranges up to page %d, %d freed, %d calls, %d dirty, %d log entries, %d page tables",
			len(m.extents), len(m.vacant), m.allocated, len(m.freed), len(m.newAllocs), len(m.dirty), len(m.log.entries), len(m.pages.chunks))
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}
