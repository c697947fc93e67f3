package pool

import (
	"cmp"
	"slices"
)

// Lend gives a run of free own pages to another host: want of them, or else as few as need, from a multiple of align pages on.
// With unused, of pages that have never been used. Nothing is on them. What was borrowed is not lent on, so that every page has one
// owner and at most one tenant.
func (p *Part) Lend(need, want, align uint64, unused bool, host int) (first, pages uint64, ok bool) {
	from := p.cfg.First
	if unused {
		from = p.fresh
	}
	for _, pages = range []uint64{max(need, want), need} {
		if first, ok = p.free.find(pages, align, p.cfg.Place, from, p.cfg.First); ok {
			break
		}
	}
	if !ok {
		return 0, 0, false
	}
	p.free.cut(first, pages)
	p.used(first, pages)
	i, _ := slices.BinarySearchFunc(p.loans, first, byFirst)
	p.loans = slices.Insert(p.loans, i, loan{extent{first, pages}, host})
	return first, pages, true
}

func byFirst(l loan, first uint64) int { return cmp.Compare(l.first, first) }

// Tenant returns the host that has a page of this part, if one has.
func (p *Part) Tenant(page uint64) (host int, ok bool) {
	i, found := slices.BinarySearchFunc(p.loans, page, byFirst)
	if !found {
		i--
	}
	if i < 0 || page >= p.loans[i].end() {
		return 0, false
	}
	return p.loans[i].host, true
}

// TakeBack ends a loan.
func (p *Part) TakeBack(first, pages uint64, host int) error {
	i, ok := slices.BinarySearchFunc(p.loans, first, byFirst)
	if !ok || p.loans[i] != (loan{extent{first, pages}, host}) {
		return ErrPages
	}
	p.loans = slices.Delete(p.loans, i, i+1)
	p.putPages(first, pages)
	return nil
}

// Borrow adds pages of another part.
func (p *Part) Borrow(first, pages uint64) {
	i, _ := slices.BinarySearchFunc(p.borrowed, first, func(e extent, first uint64) int { return cmp.Compare(e.first, first) })
	p.borrowed = slices.Insert(p.borrowed, i, extent{first, pages})
	p.free.put(run{first, pages, first})
}

// Withdraw removes what was borrowed and has nothing on it any more, and calls each with what it was.
func (p *Part) Withdraw(each func(first, pages uint64)) {
	for _, e := range p.idle {
		i, ok := slices.BinarySearchFunc(p.free, e.first, byPage)
		if !ok || p.free[i].pages != e.pages {
			continue // in use again
		}
		p.free.cut(e.first, e.pages)
		i = p.extentOf(e.first)
		p.borrowed = slices.Delete(p.borrowed, i, i+1)
		each(e.first, e.pages)
	}
	p.idle = p.idle[:0]
}

// Reset makes the part what it was at first, whatever is in use. Loans in both directions are forgotten.
func (p *Part) Reset() {
	wipe := func(first, pages uint64) {
		for i := first; i < first+pages; i++ {
			p.cfg.Tables.Pages[i].Store(0)
		}
		for i := first * p.size / Granule; i < (first+pages)*p.size/Granule; i += 32 {
			p.cfg.Tables.Live[i/32].Store(0)
		}
	}
	for first, s := range p.spans {
		wipe(first, s.pages)
	}
	for first, pages := range p.large {
		wipe(first, pages)
	}
	fresh, resumed := p.fresh, p.resumed
	*p = *New(p.cfg)
	p.fresh, p.resumed = fresh, resumed
}
