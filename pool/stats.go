package pool

import (
	"fmt"
	"math/bits"
)

// Stats is what a part has now. Bytes count whole objects, with what they were rounded up by.
type Stats struct {
	Objects, Bytes uint64 // live
	Held, Peak     uint64 // bytes of the pages that have room for objects only; the most that was
	Room           uint64 // bytes of all pages, own and borrowed, without those that are lent
	Borrowed, Lent uint64 // bytes
}

// Stats counts. The time it takes follows what is held.
func (p *Part) Stats() Stats {
	st := Stats{Held: p.held * p.size, Peak: p.peak * p.size, Room: p.cfg.Pages * p.size}
	for _, e := range p.borrowed {
		st.Borrowed += e.pages * p.size
	}
	for _, l := range p.loans {
		st.Lent += l.pages * p.size
	}
	st.Room += st.Borrowed - st.Lent
	for first, s := range p.spans {
		n := p.liveIn(first, s.pages)
		st.Objects += n
		st.Bytes += n * uint64(p.cfg.Classes.Sizes[s.class])
	}
	for first, pages := range p.large {
		n := p.liveIn(first, pages) // none when it was retired and waits for Restore
		st.Objects += n
		st.Bytes += n * pages * p.size
	}
	return st
}

// liveIn counts the live objects on pages.
func (p *Part) liveIn(first, pages uint64) (n uint64) {
	for i := first * p.size / Granule; i < (first+pages)*p.size/Granule; i += 32 {
		n += uint64(bits.OnesCount32(p.cfg.Tables.Live[i/32].Load()))
	}
	return n
}

// Check says which of the part's invariants does not hold. It is for tests.
func (p *Part) Check() error {
	owner := make(map[uint64]string) // of each page
	claim := func(first, pages uint64, who string) error {
		for i := first; i < first+pages; i++ {
			if owner[i] != "" {
				return fmt.Errorf("page %d belongs to %s and %s", i, owner[i], who)
			}
			owner[i] = who
		}
		return nil
	}
	for i, f := range p.free {
		if i > 0 && (p.free[i-1].first >= f.first || p.free[i-1].of == f.of && p.free[i-1].first+p.free[i-1].pages == f.first) {
			return fmt.Errorf("free pages %+v after %+v", f, p.free[i-1])
		}
		if err := claim(f.first, f.pages, "nobody"); err != nil {
			return err
		}
		if n := p.liveIn(f.first, f.pages); n != 0 {
			return fmt.Errorf("%d live objects on free pages %+v", n, f)
		}
	}
	var held uint64
	for first, s := range p.spans {
		held += s.pages
		if err := claim(first, s.pages, fmt.Sprintf("the span at %d", first)); err != nil {
			return err
		}
		if err := p.checkSpan(s); err != nil {
			return err
		}
	}
	for first, pages := range p.large {
		held += pages
		if err := claim(first, pages, fmt.Sprintf("the object at %d", first)); err != nil {
			return err
		}
		if n := p.liveIn(first, pages); n > 1 {
			return fmt.Errorf("%d live objects at the large one on page %d", n, first)
		}
	}
	for _, l := range p.loans {
		if err := claim(l.first, l.pages, fmt.Sprintf("host %d", l.host)); err != nil {
			return err
		}
	}
	want := p.cfg.Pages
	for _, e := range p.borrowed {
		want += e.pages
	}
	if uint64(len(owner)) != want || held != p.held {
		return fmt.Errorf("%d pages of %d, held %d of %d", len(owner), want, p.held, held)
	}
	for page, who := range owner {
		if e := p.cfg.Tables.Pages[page].Load(); (e != 0) != (who[0] == 't') {
			return fmt.Errorf("page %d of %s is %#x in the table", page, who, e)
		}
	}
	return nil
}

func (p *Part) checkSpan(s *span) error {
	here := 0
	for _, w := range s.in {
		here += bits.OnesCount64(w)
	}
	listed := false
	for l := p.lists[s.class].head; l != nil; l = l.next {
		listed = listed || l == s
	}
	if here != s.here || here == s.count || listed != (here > 0) {
		return fmt.Errorf("span at page %d: %d of %d objects here, counted %d, listed: %t", s.first, here, s.count, s.here, listed)
	}
	size := uint64(p.cfg.Classes.Sizes[s.class])
	for i := range s.count {
		if at := s.first*p.size + uint64(i)*size; s.in[i/64]>>(i%64)&1 != 0 && p.cfg.Tables.live(at) {
			return fmt.Errorf("object %#x is live and here", at)
		}
	}
	if n := p.liveIn(s.first, s.pages); n > uint64(s.count-s.here) {
		return fmt.Errorf("span at page %d: %d live objects, %d away", s.first, n, s.count-s.here)
	}
	return nil
}
