package pool

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// What is wrong with an address that is said to be an object's.
var (
	ErrNoObject = errors.New("no object begins there")
	ErrInside   = errors.New("it lies inside an object, not at its beginning")
	ErrFree     = errors.New("the object there is free already")
	ErrPages    = errors.New("pages that were not borrowed")
)

// Config describes a Part. Pages are counted from the pool's beginning.
type Config struct {
	PageSize     int
	Place        uint64   // page of the address space that the pool begins with, for alignments
	First, Pages uint64   // that the part owns
	Classes      *Classes // the same for all parts of a pool
	Tables       Tables   // for all pages of the pool
}

// A Part is the objects of one host.
type Part struct {
	cfg   Config
	size  uint64 // PageSize
	free  runs
	spans map[uint64]*span  // by first page
	large map[uint64]uint64 // pages of large objects by first page
	lists []spanList        // by class
	// fresh: pages of the own extent from here on have never been used; resumed: not by this part, but there was one before it.
	fresh    uint64
	resumed  bool
	borrowed []extent // by first page
	idle     []extent // of these, those with nothing on them, until Withdraw
	loans    []loan   // by first page
	held     uint64   // pages in spans and large objects
	peak     uint64   // the most that held has been
}

// loan is a run of own pages that another host has.
type loan struct {
	extent
	host int
}

// New returns a part with nothing in it. Its tables are zero for the part's pages.
func New(cfg Config) *Part {
	p := &Part{
		cfg: cfg, size: uint64(cfg.PageSize), fresh: cfg.First,
		spans: make(map[uint64]*span), large: make(map[uint64]uint64), lists: make([]spanList, len(cfg.Classes.Sizes)),
	}
	if cfg.Pages > 0 {
		p.free = runs{{cfg.First, cfg.Pages, cfg.First}}
	}
	return p
}

// Take moves up to len(dst) objects of a class from the part to a magazine, and returns how many. They are not live. None means
// that the part is used up.
func (p *Part) Take(class int, dst []uint64) int {
	size := uint64(p.cfg.Classes.Sizes[class])
	l := &p.lists[class]
	n := 0
	for n < len(dst) {
		s := l.head
		if s == nil {
			// A new span is for who has nothing, not to fill a magazine to the brim.
			if n > 0 || !p.newSpan(class) {
				break
			}
			s = l.head
		}
		for n < len(dst) && s.here > 0 {
			dst[n] = s.first*p.size + uint64(s.take())*size
			n++
		}
		if s.here == 0 {
			l.remove(s)
		}
	}
	return n
}

func (p *Part) newSpan(class int) bool {
	size := uint64(p.cfg.Classes.Sizes[class])
	pages := uint64(p.cfg.Classes.pages[class])
	first, ok := p.takePages(pages, 1)
	if !ok { // there may still be room for one object
		pages = (size-1)/p.size + 1
		if first, ok = p.takePages(pages, 1); !ok {
			return false
		}
	}
	p.lists[class].push(p.addSpan(first, pages, class))
	return true
}

// addSpan makes a span of pages that are free no more. It is in no list yet.
func (p *Part) addSpan(first, pages uint64, class int) *span {
	for i := range pages {
		p.cfg.Tables.Pages[first+i].Store(entry(uint64(class)+1, i))
	}
	s := newSpan(first, pages, class, int(pages*p.size/uint64(p.cfg.Classes.Sizes[class])))
	p.spans[first] = s
	return s
}

// addLarge makes a live object of pages that are free no more.
func (p *Part) addLarge(first, pages uint64) {
	p.large[first] = pages
	p.cfg.Tables.Pages[first].Store(entry(LargeObject, 0))
	for i := uint64(1); i < pages; i++ {
		p.cfg.Tables.Pages[first+i].Store(entry(LargeObject, 1))
	}
	p.cfg.Tables.MarkLive(first * p.size)
}

func (p *Part) takePages(pages, align uint64) (first uint64, ok bool) {
	first, ok = p.free.find(pages, align, p.cfg.Place, 0, anyExtent)
	if ok {
		p.free.cut(first, pages)
		p.held += pages
		p.peak = max(p.peak, p.held)
		p.used(first, pages)
	}
	return first, ok
}

// used notes that pages are not fresh any more.
func (p *Part) used(first, pages uint64) {
	if p.own(first) {
		p.fresh = max(p.fresh, first+pages)
	}
}

func (p *Part) own(page uint64) bool { return page-p.cfg.First < p.cfg.Pages }

// Put takes an object back from a magazine.
func (p *Part) Put(at uint64) {
	page := at / p.size
	first := page - uint64(p.cfg.Tables.Pages[page].Load()&0xffff)
	s := p.spans[first]
	if s == nil {
		panic(fmt.Sprintf("pool: object %#x comes back to no span", at))
	}
	size := uint64(p.cfg.Classes.Sizes[s.class])
	if (at-first*p.size)%size != 0 || !s.put(int((at-first*p.size)/size)) {
		panic(fmt.Sprintf("pool: object %#x comes back, which was not away", at))
	}
	switch l := &p.lists[s.class]; {
	case s.here == s.count:
		if s.here > 1 { // else it was in no list
			l.remove(s)
		}
		p.endSpan(s)
	case s.here == 1:
		l.push(s)
	}
}

func (p *Part) endSpan(s *span) {
	delete(p.spans, s.first)
	p.freePages(s.first, s.pages)
}

func (p *Part) freePages(first, pages uint64) {
	for i := range pages {
		p.cfg.Tables.Pages[first+i].Store(0)
	}
	p.held -= pages
	p.putPages(first, pages)
}

// putPages makes pages free. An extent that was borrowed and has nothing on it any more is idle.
func (p *Part) putPages(first, pages uint64) {
	of := p.cfg.First
	var e extent
	if !p.own(first) {
		e = p.borrowed[p.extentOf(first)]
		of = e.first
	}
	if r := p.free.put(run{first, pages, of}); !p.own(first) && r.pages == e.pages {
		p.idle = append(p.idle, e)
	}
}

// extentOf returns the place in borrowed of the extent that has a page.
func (p *Part) extentOf(page uint64) int {
	i, found := slices.BinarySearchFunc(p.borrowed, page, func(e extent, page uint64) int { return cmp.Compare(e.first, page) })
	if !found {
		i--
	}
	if i < 0 || page >= p.borrowed[i].end() {
		panic(fmt.Sprintf("pool: page %d is not of this part", page))
	}
	return i
}

// Alloc gives the program an object of size bytes, at least 1, at a multiple of align, a power of two. fresh tells that its memory
// has never been used. ok is false when the part has no room.
func (p *Part) Alloc(size, align uint64) (at uint64, fresh, ok bool) {
	if class, small := p.cfg.Classes.For(size, align, p.cfg.PageSize); small {
		var one [1]uint64
		if p.Take(class, one[:]) == 0 {
			return 0, false, false
		}
		p.cfg.Tables.MarkLive(one[0])
		return one[0], false, true
	}
	pages := p.PagesFor(size)
	if pages > math.MaxUint64/4/p.size || align > math.MaxUint64/4 {
		return 0, false, false
	}
	untouched := p.fresh
	first, ok := p.takePages(pages, max(1, align/p.size))
	if !ok {
		return 0, false, false
	}
	p.addLarge(first, pages)
	return first * p.size, p.own(first) && first >= untouched && !p.resumed, true
}

// PagesFor returns how many free pages in a row there must be for an object of so many bytes, at least 1, to find room.
func (p *Part) PagesFor(size uint64) uint64 { return (size-1)/p.size + 1 }

// Size returns how many bytes the live object at an offset of the pool has room for.
func (p *Part) Size(at uint64) (uint64, error) {
	size, err := p.Room(at)
	if err == nil && !p.cfg.Tables.live(at) {
		return 0, ErrFree
	}
	return size, err
}

// Room is Size of an object that may have been retired.
func (p *Part) Room(at uint64) (uint64, error) {
	page := at / p.size
	if page >= uint64(len(p.cfg.Tables.Pages)) || at%Granule != 0 {
		return 0, ErrNoObject
	}
	e := p.cfg.Tables.Pages[page].Load()
	class, place := uint64(e>>16), uint64(e&0xffff)
	switch {
	case class == 0:
		return 0, ErrNoObject
	case class == LargeObject && (place != 0 || at%p.size != 0):
		return 0, ErrInside
	case class == LargeObject:
		return p.large[page] * p.size, nil
	}
	size := uint64(p.cfg.Classes.Sizes[class-1])
	if (at-(page-place)*p.size)%size != 0 {
		return 0, ErrInside
	}
	return size, nil
}

// Free takes a live object back from the program. Where there is none, nothing has changed.
func (p *Part) Free(at uint64) error {
	if _, err := p.Size(at); err != nil {
		return err
	}
	if !p.cfg.Tables.Retire(at) {
		return ErrFree
	}
	p.Restore(at)
	return nil
}

// Restore takes an object back that was retired already.
func (p *Part) Restore(at uint64) {
	page := at / p.size
	if pages, ok := p.large[page]; ok {
		delete(p.large, page)
		p.freePages(page, pages)
		return
	}
	p.Put(at)
}
