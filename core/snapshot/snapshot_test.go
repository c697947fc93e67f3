package snapshot

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const pageSize = 16

// TestTakesWhatWasAdded: whatever is changed in between, every page is taken once, as it was when it was added.
func TestTakesWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const pages = 1200
		memory := make([]byte, pages*pageSize)
		frame := func(p uint64) []byte { return memory[p*pageSize:][:pageSize] }
		s := New(pageSize)
		want := map[uint64][]byte{}
		buf := make([]byte, pageSize*rapid.IntRange(1, 70).Draw(t, "room")+rapid.IntRange(0, pageSize-1).Draw(t, "rest"))
		take := func() bool {
			first, count, ok := s.Take(buf, frame)
			for i := range count {
				if w, there := want[first+i]; !there || !bytes.Equal(w, buf[i*pageSize:][:pageSize]) {
					t.Fatalf("page %d is %x, should be %x (%v)", first+i, buf[i*pageSize:][:pageSize], w, there)
				}
				delete(want, first+i)
			}
			if ok != (count > 0) {
				t.Fatalf("%d pages, %v", count, ok)
			}
			return ok
		}
		for p := uint64(0); p < pages; {
			p += rapid.Uint64Range(0, 300).Draw(t, "gap")
			n := min(rapid.Uint64Range(1, 150).Draw(t, "run"), pages-min(p, pages))
			s.Add(p, n)
			for q := p; q < p+n; q++ {
				want[q] = bytes.Clone(frame(q))
			}
			p += n
		}
		for k := range rapid.IntRange(0, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "take") {
				take()
				continue
			}
			first := rapid.Uint64Range(0, pages-1).Draw(t, "first")
			count := min(rapid.Uint64Range(1, 100).Draw(t, "count"), pages-first)
			s.Before(first, count, frame)
			for i := range memory[first*pageSize : (first+count)*pageSize] {
				memory[int(first)*pageSize+i] = byte(k + 1)
			}
			if s.Left() != uint64(len(want)) || s.Copied() > s.Left()*pageSize {
				t.Fatalf("%d pages are left, should be %d; %d bytes of copies", s.Left(), len(want), s.Copied())
			}
		}
		for take() {
		}
		if len(want) > 0 || s.Left() != 0 || s.Copied() != 0 {
			t.Fatalf("%d pages were not taken; %d are left with %d bytes of copies", len(want), s.Left(), s.Copied())
		}
	})
}

// TestCopiesFirst: what is copied is taken first, and its memory is used again.
func TestCopiesFirst(t *testing.T) {
	memory := make([]byte, 10*pageSize)
	frame := func(p uint64) []byte { return memory[p*pageSize:][:pageSize] }
	s := New(pageSize)
	s.Add(0, 4)
	s.Add(6, 3)
	s.Before(7, 3, frame)
	if got, want := s.Spans(), []Span{{0, 4}, {6, 3}}; cmp.Diff(want, got) != "" || s.Copied() != 2*pageSize {
		t.Errorf("%v are left, with %d bytes of copies", got, s.Copied())
	}
	buf := make([]byte, 3*pageSize)
	for _, want := range []Span{{7, 2}, {0, 3}, {3, 1}, {6, 1}} {
		if first, count, _ := s.Take(buf, frame); (Span{first, count}) != want {
			t.Errorf("took %d pages from %d on, not %v", count, first, want)
		}
	}
	s.Add(1, 2)
	if n := testing.AllocsPerRun(10, func() { s.Before(1, 2, frame) }); n > 0 {
		t.Errorf("%v allocations for copies in memory that is free", n)
	}
}

func frames(pages int) func(p uint64) []byte {
	memory := make([]byte, pages*4096)
	return func(p uint64) []byte { return memory[p*4096:][:4096] }
}

// BenchmarkBefore is what a store costs when its page is no part of the snapshot.
func BenchmarkBefore(b *testing.B) {
	s, f := New(4096), frames(1)
	s.Add(0, 1<<17)
	for i := range b.N {
		s.Before(1<<17+uint64(i)%(1<<17), 1, f)
	}
}

// BenchmarkTake is what it costs to copy 1 MiB out.
func BenchmarkTake(b *testing.B) {
	s, f := New(4096), frames(1<<12)
	buf := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for range b.N {
		if s.Left() == 0 {
			s.Add(0, 1<<12)
		}
		s.Take(buf, f)
	}
}
