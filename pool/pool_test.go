package pool

import (
	"errors"
	"testing"
)

func TestClasses(t *testing.T) {
	c := NewClasses(4096, Granule, 0)
	if len(c.Sizes) != MaxClasses || c.Sizes[0] != Granule || c.Sizes[len(c.Sizes)-1] != MaxSmall {
		t.Fatalf("sizes %v", c.Sizes)
	}
	for size := uint64(1); size <= MaxSmall; size++ {
		class, ok := c.For(size, 1, 4096)
		got := uint64(c.Sizes[class])
		if !ok || got < size || class > 0 && uint64(c.Sizes[class-1]) >= size {
			t.Fatalf("%d bytes get class %d, %d bytes", size, class, got)
		}
		if lost := got - size; lost >= Granule && lost*5 > got {
			t.Errorf("%d bytes get %d", size, got)
		}
	}
	if _, ok := c.For(MaxSmall+1, 1, 4096); ok {
		t.Error("a large object has a class")
	}
	for align := uint64(1); align <= 4096; align *= 2 {
		if class, ok := c.For(100, align, 4096); !ok || uint64(c.Sizes[class])%align != 0 {
			t.Errorf("100 bytes at a multiple of %d: class %d, %t", align, class, ok)
		}
	}
}

// TestSpansWasteLittle: what is lost behind the last object of a span is below a sixteenth.
func TestSpansWasteLittle(t *testing.T) {
	for _, pageSize := range []int{4096, 65536, 2 << 20} {
		c := NewClasses(pageSize, Granule, 0)
		for i, size := range c.Sizes {
			span := uint64(c.pages[i]) * uint64(pageSize)
			if lost := span % uint64(size); c.pages[i] < 1 || lost*16 >= span {
				t.Errorf("pages of %d: a span of %d bytes for objects of %d loses %d", pageSize, span, size, lost)
			}
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	m := newModel(t, Granule, 0)
	p := m.parts[0]
	small, _, _ := p.Alloc(100, 1)
	large, fresh, _ := p.Alloc(20*testPage, 1)
	if !fresh {
		t.Error("the first large object is not on fresh pages")
	}
	for _, c := range []struct {
		at   uint64
		want error
	}{
		{small + 16, ErrInside}, {small + 112, ErrFree}, {large + 16, ErrInside}, {large + testPage, ErrInside},
		{30 * testPage, ErrNoObject}, {testPages * testPage, ErrNoObject}, {1 << 60, ErrNoObject}, {small + 1, ErrNoObject},
	} {
		if err := p.Free(c.at); !errors.Is(err, c.want) {
			t.Errorf("free %#x: %v, not %v", c.at, err, c.want)
		}
	}
	for _, at := range []uint64{small, large} {
		if err := p.Free(at); err != nil {
			t.Errorf("free %#x: %v", at, err)
		}
		if err := p.Free(at); err == nil {
			t.Errorf("%#x was freed twice", at)
		}
	}
	if _, fresh, _ := p.Alloc(20*testPage, 1); fresh {
		t.Error("used pages are called fresh")
	}
}

// TestALoanComesBack: pages that are borrowed and empty again go to their owner, who knows meanwhile who has them.
func TestALoanComesBack(t *testing.T) {
	m := newModel(t, Granule, 0)
	for range 2 {
		m.borrow(0, 1, 5, false)
		tenant, ok := m.parts[1].Tenant(testPages + 3)
		if !ok || tenant != 0 || m.parts[0].Stats().Borrowed != 8*testPage || m.parts[1].Stats().Lent != 8*testPage {
			t.Fatalf("host %d (%t) has the pages; %+v, %+v", tenant, ok, m.parts[0].Stats(), m.parts[1].Stats())
		}
		m.alloc(0, testPages*testPage, 1) // the own pages
		m.alloc(0, 7*testPage, 1)
		if len(m.live) != 2 {
			t.Fatal("no room on the borrowed pages")
		}
		m.empty()
		if _, ok := m.parts[1].Tenant(testPages + 3); ok || m.parts[0].Stats().Borrowed != 0 {
			t.Fatal("the loan did not end")
		}
	}
	if err := m.parts[1].TakeBack(testPages, 8, 0); !errors.Is(err, ErrPages) {
		t.Errorf("pages that nobody has came back: %v", err)
	}
}

// TestEveryObjectIsUsed: a part gives all objects that its pages have room for, again and again, whichever come back first.
func TestEveryObjectIsUsed(t *testing.T) {
	m := newModel(t, Granule, 0)
	p := m.parts[0]
	all := make([]uint64, testPages*testPage/Granule)
	for round := range 3 {
		n := 0
		for {
			k := p.Take(0, all[n:])
			if k == 0 {
				break
			}
			n += k
		}
		if n != len(all) {
			t.Fatalf("round %d: %d objects of %d", round, n, len(all))
		}
		for i := range all {
			p.Put(all[(i*7919+round)%len(all)]) // a prime: every one has its turn
		}
		if err := p.Check(); err != nil || p.Stats().Held != 0 {
			t.Fatal(err, p.Stats())
		}
	}
	// One comes back to a span that is used up, before where it was looked for last.
	n := p.Take(0, all[:256])
	p.Put(all[0])
	if k := p.Take(0, all[n:n+1]); n != 256 || k != 1 || all[n] != all[0] {
		t.Errorf("%d objects, then %d at %#x", n, k, all[n])
	}
}

func BenchmarkTakeAndPut(b *testing.B) {
	m := newModel(b, Granule, 0)
	var dst [32]uint64
	for b.Loop() {
		n := m.parts[0].Take(3, dst[:])
		for _, at := range dst[:n] {
			m.parts[0].Put(at)
		}
	}
}
