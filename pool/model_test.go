package pool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

const (
	testHosts = 3
	testPages = 40 // of each part
	testPage  = 4096
	testPlace = 5 // pages
)

// model is several parts of one pool with the magazines of one thread each, beside a naive account of what is live.
type model struct {
	t       failer
	classes *Classes
	bounds  []uint64 // of the parts, in pages
	parts   []*Part
	tables  []Tables
	mags    [][][]uint64      // by host and class
	live    map[uint64]object // by offset
	order   []uint64          // its keys, so that a sequence of operations means the same each time
}

type object struct {
	size, align uint64
	host        int // whose part it is in
}

type failer interface{ Fatalf(string, ...any) }

func newModel(t failer, align, fixed uint64) *model {
	m := &model{t: t, classes: NewClasses(testPage, align, fixed), live: make(map[uint64]object)}
	m.start(testHosts, nil, func(c Config, _ []Held) (*Part, bool) { return New(c), true })
	return m
}

// start makes the parts of so many hosts, with what earlier ones have left.
func (m *model) start(hosts int, held []Held, begin func(Config, []Held) (*Part, bool)) {
	m.bounds = Divide(testHosts*testPages, hosts, held)
	m.parts, m.tables, m.mags = nil, nil, nil
	for h := range hosts {
		ofPages, ofLive := Words(testPage, testHosts*testPages)
		tables := Tables{Pages: make([]atomic.Uint32, ofPages), Live: make([]atomic.Uint32, ofLive)}
		p, ok := begin(Config{PageSize: testPage, Place: testPlace, First: m.bounds[h], Pages: m.bounds[h+1] - m.bounds[h], Classes: m.classes, Tables: tables}, held)
		if !ok {
			m.t.Fatalf("%+v is not for host %d of %v", held, h, m.bounds)
		}
		m.tables, m.parts = append(m.tables, tables), append(m.parts, p)
		m.mags = append(m.mags, make([][]uint64, len(m.classes.Sizes)))
	}
}

// owner returns the host whose part a page is in.
func (m *model) owner(page uint64) int {
	h := 0
	for page >= m.bounds[h+1] {
		h++
	}
	return h
}

// resume goes on with another number of hosts, as after a checkpoint. What was live stays so.
func (m *model) resume(hosts int) {
	var held []Held
	for _, p := range m.parts {
		held = append(held, p.Held()...)
	}
	slices.SortFunc(held, func(a, b Held) int { return cmp.Compare(a.First, b.First) })
	m.start(hosts, held, Resume)
	for at, o := range m.live {
		o.host = m.owner(at / testPage)
		m.live[at] = o
	}
}

// add notes a new object, which must overlap no other.
func (m *model) add(at uint64, o object) {
	if (testPlace*testPage+at)%o.align != 0 {
		m.t.Fatalf("object of %d bytes at %#x, wanted at a multiple of %d", o.size, at, o.align)
	}
	if at+o.size > testHosts*testPages*testPage {
		m.t.Fatalf("object of %d bytes at %#x, beyond the pool", o.size, at)
	}
	for other, was := range m.live {
		if at < other+was.size && other < at+o.size {
			m.t.Fatalf("object of %d bytes at %#x overlaps that of %d at %#x", o.size, at, was.size, other)
		}
	}
	m.live[at] = o
	m.order = append(m.order, at)
}

// pop is what a thread does: an object of its magazine, which is refilled when empty.
func (m *model) pop(host int, size uint64) {
	class, ok := m.classes.For(size, 1, testPage)
	if !ok {
		m.alloc(host, size, Granule)
		return
	}
	mag := &m.mags[host][class]
	if len(*mag) == 0 {
		var dst [8]uint64
		n := m.parts[host].Take(class, dst[:])
		if n == 0 {
			return
		}
		*mag = append(*mag, dst[:n]...)
	}
	at := (*mag)[len(*mag)-1]
	*mag = (*mag)[:len(*mag)-1]
	m.tables[host].MarkLive(at)
	m.add(at, object{size, Granule, host})
}

func (m *model) alloc(host int, size, align uint64) {
	if at, _, ok := m.parts[host].Alloc(size, align); ok {
		m.add(at, object{size, max(align, Granule), host})
	}
}

// free frees a live object, through the magazine or at its part.
func (m *model) free(i int, direct bool) {
	at := m.order[i%len(m.order)]
	o := m.live[at]
	delete(m.live, at)
	m.order = slices.DeleteFunc(m.order, func(a uint64) bool { return a == at })
	class := m.tables[o.host].Pages[at/testPage].Load() >> 16
	if direct || class == LargeObject {
		if err := m.parts[o.host].Free(at); err != nil {
			m.t.Fatalf("free %#x: %v", at, err)
		}
		m.withdraw(o.host)
		return
	}
	if !m.tables[o.host].Retire(at) {
		m.t.Fatalf("%#x was not live", at)
	}
	m.mags[o.host][class-1] = append(m.mags[o.host][class-1], at)
}

// spill gives a magazine back.
func (m *model) spill(host, class int) {
	if len(m.mags[host]) == 0 {
		return
	}
	class %= len(m.mags[host])
	for _, at := range m.mags[host][class] {
		m.parts[host].Put(at)
	}
	m.mags[host][class] = nil
	m.withdraw(host)
}

func (m *model) withdraw(host int) {
	m.parts[host].Withdraw(func(first, pages uint64) {
		if err := m.parts[m.owner(first)].TakeBack(first, pages, host); err != nil {
			m.t.Fatalf("host %d gives back %d pages from %d on: %v", host, pages, first, err)
		}
	})
}

func (m *model) borrow(host, from int, need uint64, unused bool) {
	if host == from {
		return
	}
	if first, pages, ok := m.parts[from].Lend(need, need+3, 1, unused, host); ok {
		if pages < need {
			m.t.Fatalf("%d pages lent where %d were needed", pages, need)
		}
		m.parts[host].Borrow(first, pages)
	}
}

// badFrees tries what is no object's beginning.
func (m *model) badFrees(host int, at uint64) {
	at %= testHosts * testPages * testPage
	if o, ok := m.live[at]; ok && o.host == host {
		return
	}
	err := m.parts[host].Free(at)
	if !errors.Is(err, ErrNoObject) && !errors.Is(err, ErrInside) && !errors.Is(err, ErrFree) {
		m.t.Fatalf("free %#x, which is no object: %v", at, err)
	}
}

func (m *model) check() {
	objects := make([]Stats, len(m.parts))
	for at, o := range m.live {
		objects[o.host].Objects++
		size, err := m.parts[o.host].Size(at)
		if err != nil || size < o.size {
			m.t.Fatalf("object of %d bytes at %#x has %d: %v", o.size, at, size, err)
		}
		objects[o.host].Bytes += size
	}
	for h, p := range m.parts {
		if err := p.Check(); err != nil {
			m.t.Fatalf("part %d: %v", h, err)
		}
		if st := p.Stats(); st.Objects != objects[h].Objects || st.Bytes != objects[h].Bytes {
			m.t.Fatalf("part %d has %+v, not %+v", h, st, objects[h])
		}
	}
}

// step carries out an operation that numbers choose.
func (m *model) step(op, a, b byte, n uint16) {
	host := int(a) % len(m.parts)
	switch op % 10 {
	case 0, 1:
		m.pop(host, uint64(n)%2000+1)
	case 2:
		m.alloc(host, uint64(n)*3+1, 1<<(b%14))
	case 3, 4:
		if len(m.order) > 0 {
			m.free(int(n), b%2 == 0)
		}
	case 5:
		m.spill(host, int(b))
	case 6:
		m.borrow(host, int(b)%len(m.parts), uint64(n)%8+1, n&256 != 0)
	case 7:
		m.badFrees(host, uint64(n)*uint64(b)*Granule/2)
	case 8:
		if n%16 == 0 {
			m.reset()
		}
	case 9:
		if n%8 == 0 {
			m.resume(int(b)%7 + 1)
		}
	}
}

func (m *model) reset() {
	for h, p := range m.parts {
		p.Reset()
		clear(m.mags[h])
	}
	clear(m.live)
	m.order = nil
}

// empty frees everything and looks whether the parts are what they were at first.
func (m *model) empty() {
	for len(m.order) > 0 {
		m.free(0, false)
	}
	for h := range m.mags {
		for class := range m.mags[h] {
			m.spill(h, class)
		}
	}
	m.check()
	for h, p := range m.parts {
		if st := p.Stats(); st.Held != 0 || len(p.free.of(p.cfg.First)) != 1 && st.Lent == 0 && p.cfg.Pages > 0 {
			m.t.Fatalf("part %d is empty, but %+v, free %+v", h, st, p.free)
		}
	}
}

// of returns the runs of an extent.
func (r runs) of(first uint64) (list runs) {
	for _, f := range r {
		if f.of == first {
			list = append(list, f)
		}
	}
	return list
}

// TestAgainstModel: whatever is done in whatever order, no two objects overlap, none is lost, and mistakes change nothing.
func TestAgainstModel(t *testing.T) {
	for _, kind := range []struct{ align, fixed uint64 }{{16, 0}, {64, 0}, {16, 48}, {4096, 0}, {16, 5000}, {16, 100_000}} {
		t.Run(fmt.Sprintf("align=%d/fixed=%d", kind.align, kind.fixed), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := newModel(t, kind.align, kind.fixed)
				for range rapid.IntRange(1, 300).Draw(t, "steps") {
					m.step(rapid.Byte().Draw(t, "op"), rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b"), rapid.Uint16().Draw(t, "n"))
				}
				m.check()
				m.empty()
			})
		})
	}
}

// FuzzOperations: as TestAgainstModel, for sequences that the fuzzer finds. Each operation is five bytes.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 0, 0, 64, 0, 2, 1, 12, 0, 80, 6, 0, 1, 9, 1, 3, 0, 1, 0, 0, 5, 0, 3, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(t, Granule, 0)
		for i := 0; len(ops) >= 5 && i < 500; i++ {
			m.step(ops[0], ops[1], ops[2], uint16(ops[3])|uint16(ops[4])<<8)
			ops = ops[5:]
		}
		m.check()
		m.empty()
	})
}
