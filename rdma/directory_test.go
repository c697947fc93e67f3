package rdma

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"jiajia/core/wire"
)

func TestCards(t *testing.T) {
	at := netip.MustParseAddrPort("10.99.0.1:4711")
	for _, directory := range []place{{}, {addr: 0x7fff_0000_1000, key: 0xffff_ffff}, {addr: 1}} {
		want := card{at, place{addr: 0x7f00_1234_5000, key: 7}, directory}
		if got, err := readCard(want.String()); err != nil || got != want {
			t.Errorf("%v became %v: %v", want, got, err)
		}
	}
	for _, text := range []string{"", "10.99.0.1,1,2", "10.99.0.1:4711", "10.99.0.1:4711,1", "10.99.0.1:4711,1,2,3", "10.99.0.1:4711,1,100000000",
		"10.99.0.1:4711,1,2,3,", "10.99.0.1:4711,1,2,3,4,5", ",1,2"} {
		if _, err := readCard(text); err == nil {
			t.Errorf("%q passes for a card", text)
		}
	}
}

func TestFind(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	owner := make([]int, 1000) // by page; 0: none
	var list []extent
	for n := 1; n < 400; n++ {
		e := extent{first: rng.Uint64N(1000), count: 1 + rng.Uint64N(9)}
		free := e.end() <= 1000 && !slices.ContainsFunc(owner[e.first:e.end()], func(o int) bool { return o != 0 })
		if e.end() > 1000 {
			continue
		}
		longer, err := insert(slices.Clone(list), e)
		if free != (err == nil) {
			t.Fatalf("insert %+v: %v", e, err)
		}
		if free {
			list = longer
			for p := e.first; p < e.end(); p++ {
				owner[p] = n
			}
		}
	}
	for p, o := range owner {
		e := find(list, uint64(p))
		if (e != nil) != (o != 0) || e != nil && !e.has(wire.PageID(p)) {
			t.Fatalf("page %d of %d is found in %+v", p, o, e)
		}
	}
}

// A shelf holds the directory of a host, as its memory.
type shelf struct {
	blocks [][]byte
	used   int
	reads  int
}

// put adds an entry, as exports does.
func (s *shelf) put(e extent) {
	if s.blocks == nil {
		s.blocks = [][]byte{make([]byte, blockBytes)}
	}
	if s.used == blockBytes/entryBytes-1 && e.count > 0 {
		link := extent{frames: place{uint64(len(s.blocks)), 7}}
		s.put(link)
		s.blocks, s.used = append(s.blocks, make([]byte, blockBytes)), 0
	}
	b := s.blocks[len(s.blocks)-1][s.used*entryBytes:][:entryBytes]
	e.put(b)
	b[entryValid] = 1
	s.used++
}

func (s *shelf) fetch(from place, n int) ([]byte, error) {
	s.reads++
	if from.addr >= uint64(len(s.blocks)) {
		return nil, errors.New("beyond the shelf")
	}
	return bytes.Clone(s.blocks[from.addr][:n]), nil
}

func TestLook(t *testing.T) {
	s, f := &shelf{blocks: [][]byte{make([]byte, blockBytes)}}, newFar(place{0, 7})
	look := func(want uint64) {
		t.Helper()
		if err := f.look(s.fetch); err != nil || uint64(len(f.extents())) != want {
			t.Fatalf("%d extents are known, not %d: %v", len(f.extents()), want, err)
		}
	}
	look(0)
	count := uint64(0)
	for _, more := range []int{1, 2, 60, 1, 62, 200, 1} {
		for range more {
			s.put(extent{first: count * 10, count: 1 + count%10, frames: place{count, 1}, marks: place{count, 2}})
			count++
		}
		look(count)
		look(count)
		for i := range count {
			e := find(f.extents(), i*10)
			if e == nil || *e != (extent{i * 10, 1 + i%10, place{i, 1}, place{i, 2}}) {
				t.Fatalf("after %d: entry %d is %+v", count, i, e)
			}
		}
	}
}

// TestLookAtHalf has an entry become valid between the readings of a block, the rest of it after that byte.
func TestLookAtHalf(t *testing.T) {
	s, f := &shelf{}, newFar(place{0, 7})
	s.put(extent{first: 1, count: 1})
	torn := func(from place, n int) ([]byte, error) {
		b, err := s.fetch(from, n)
		if s.reads == 2 { // where nothing new has been asked for yet
			b[entryBytes+entryValid] = 1
			binary.LittleEndian.PutUint64(b[entryBytes:], 1<<60)
		}
		return b, err
	}
	if err := f.look(torn); err != nil || len(f.extents()) != 1 {
		t.Errorf("%v, %v", err, f.extents())
	}
}

// TestMisses counts the looks at a directory in which what is sought never comes.
func TestMisses(t *testing.T) {
	s, f := &shelf{blocks: [][]byte{make([]byte, blockBytes)}}, newFar(place{0, 7})
	looks := 0
	for range 100 * mostPause {
		if f.miss(nil) {
			looks++
			if err := f.look(s.fetch); err != nil {
				t.Fatal(err)
			}
		}
	}
	if looks < 100 || looks > 120 {
		t.Errorf("%d looks for %d misses", looks, 100*mostPause)
	}
	s.put(extent{first: 1, count: 1})
	misses := 0
	for ; !f.miss(nil); misses++ {
	}
	if err := f.look(s.fetch); err != nil || misses > mostPause || len(f.extents()) != 1 {
		t.Errorf("after %d more misses: %v, %v", misses, err, f.extents())
	}
	if !f.miss(f.extents()) {
		t.Error("there was news, and it is not looked again")
	}
	if f.miss(nil) {
		t.Error("it is looked again though another thread has")
	}
}

// FuzzDirectory reads blocks that may be anything: what is learned is in order, and reading comes to an end.
func FuzzDirectory(f *testing.F) {
	var s shelf
	for i := range uint64(100) {
		s.put(extent{first: i * 10, count: 10})
	}
	f.Add(s.blocks[0], s.blocks[1])
	f.Add(bytes.Repeat([]byte{1}, blockBytes), make([]byte, blockBytes))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := &shelf{blocks: [][]byte{make([]byte, blockBytes), make([]byte, blockBytes)}}
		copy(s.blocks[0], first)
		copy(s.blocks[1], second)
		far := newFar(place{})
		for range 5 {
			if err := far.look(s.fetch); errors.Is(err, errDirectory) && far.miss(far.extents()) {
				t.Fatal("it is read again though it is impossible")
			}
		}
		list := far.extents()
		for i, e := range list {
			if e.count == 0 || e.end() > wire.MaxPages || i > 0 && list[i-1].end() > e.first {
				t.Fatalf("%+v", list)
			}
		}
	})
}

// TestMarks sets marks as a peer's device does, and takes them.
func TestMarks(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, count := range []uint64{1, 7, 8, 9, 511, 512, 513, slabPages, slabPages - 3} {
		space := make([]uint64, marksBytes(count)/8)
		b := unsafe.Slice((*byte)(unsafe.Pointer(&space[0])), marksBytes(count))
		e := extent{first: 1000, count: count}
		m := newMarks(b, count)
		for range 20 {
			want := make(map[wire.PageID]bool)
			for range rng.IntN(30) {
				i := rng.Uint64N(count)
				want[wire.PageID(1000+i)] = true
				b[i] = byte(1 + rng.IntN(255))
				b[e.summary(i)] = 1 // marks begin at address 0
			}
			got := m.take([]wire.PageID{5}, &e)
			if got[0] != 5 || len(got) != 1+len(want) {
				t.Fatalf("of %v, %v are named", want, got)
			}
			for _, p := range got[1:] {
				if !want[p] {
					t.Fatalf("of %v, %v are named", want, got)
				}
			}
			if again := m.take(nil, &e); len(again) > 0 {
				t.Fatalf("%v are named twice", again)
			}
		}
		if len(b) > int(e.summary(count-1)) {
			for i := range b {
				b[i] = 0xff // a peer gone wild
			}
			if got := m.take(nil, &e); uint64(len(got)) != count {
				t.Errorf("%d of %d pages", len(got), count)
			}
		} else {
			t.Errorf("%d bytes for the marks of %d pages", len(b), count)
		}
	}
}
