package pool

import (
	"cmp"
	"slices"
)

// Held is a run of pages with live objects on it: what a Part leaves behind for parts that come after it, perhaps in another number of
// them. All else is free.
type Held struct {
	First, Pages uint64
	Class        int    // of a span; -1 for a large object
	Live         []byte `json:",omitempty"` // of a span: a bit for each object, in the order of their weight, set for those that are live
}

// Held returns the runs of a part, in the order of their pages. Objects in magazines are not live.
func (p *Part) Held() []Held {
	var all []Held
	for first, s := range p.spans {
		h := Held{First: first, Pages: s.pages, Class: s.class, Live: make([]byte, (s.count+7)/8)}
		any := false
		for i := range s.count {
			if p.cfg.Tables.live(first*p.size + uint64(i)*uint64(p.cfg.Classes.Sizes[s.class])) {
				h.Live[i/8] |= 1 << (i % 8)
				any = true
			}
		}
		if any {
			all = append(all, h)
		}
	}
	for first, pages := range p.large {
		if p.cfg.Tables.live(first * p.size) {
			all = append(all, Held{First: first, Pages: pages, Class: -1})
		}
	}
	slices.SortFunc(all, func(a, b Held) int { return cmp.Compare(a.First, b.First) })
	return all
}

// Divide says where the parts of a pool of so many pages begin and end, one number more than there are hosts: as equal as may be
// without cutting through a run that is held. The runs, of all hosts, are sorted by their pages.
func Divide(pages uint64, hosts int, held []Held) []uint64 {
	each := (pages + uint64(hosts) - 1) / uint64(hosts)
	bounds := make([]uint64, 1, hosts+1)
	for h := 1; h <= hosts; h++ {
		at := min(uint64(h)*each, pages)
		i, _ := slices.BinarySearchFunc(held, at, func(r Held, at uint64) int { return cmp.Compare(r.First, at) })
		if i > 0 && held[i-1].First+held[i-1].Pages > at {
			at = held[i-1].First + held[i-1].Pages
		}
		bounds = append(bounds, max(at, bounds[h-1]))
	}
	return bounds
}

// Resume returns a part with the objects of the runs that lie in it. Its tables are zero for the part's pages. ok is false when runs
// overlap, are cut by the part's end, or are of classes that the pool does not have.
func Resume(cfg Config, held []Held) (p *Part, ok bool) {
	p = New(cfg)
	end := cfg.First
	for _, h := range held {
		if h.First+h.Pages <= cfg.First || h.First >= cfg.First+cfg.Pages {
			continue
		}
		if h.First < end || h.Pages == 0 || h.First+h.Pages > cfg.First+cfg.Pages || h.Class < -1 || h.Class >= len(p.lists) {
			return nil, false
		}
		end = h.First + h.Pages
		p.free.cut(h.First, h.Pages)
		p.held += h.Pages
		if h.Class >= 0 {
			if !p.resumeSpan(h) {
				return nil, false
			}
		} else {
			p.addLarge(h.First, h.Pages)
		}
	}
	p.fresh, p.peak, p.resumed = end, p.held, true
	return p, true
}

// resumeSpan adds a span, some objects of which are live.
func (p *Part) resumeSpan(h Held) bool {
	size := uint64(p.cfg.Classes.Sizes[h.Class])
	count := int(h.Pages * p.size / size)
	if count == 0 || len(h.Live) != (count+7)/8 {
		return false
	}
	s := p.addSpan(h.First, h.Pages, h.Class)
	for i := range count {
		if h.Live[i/8]>>(i%8)&1 != 0 {
			s.in[i/64] &^= 1 << (i % 64)
			s.here--
			p.cfg.Tables.MarkLive(h.First*p.size + uint64(i)*size)
		}
	}
	if s.here > 0 {
		p.lists[h.Class].push(s)
	}
	return s.here < count
}
