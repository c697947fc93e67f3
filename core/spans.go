package core

import "sort"

// Span is a run of pages.
type Span struct {
	Page  PageID
	Count uint64
}

// mostSpans is how many spans HomeSpans returns at most.
const mostSpans = 1 << 14

// HomeSpans appends to dst the runs of pages homed here of the newest allocation, in order. Where there would be too many of
// them, as with large allocations that deal out single pages, one span from the first of them to the allocation's end stands for
// all; then it has pages of others, too.
func (m *Machine) HomeSpans(dst []Span) []Span {
	if m.newest == nil {
		return dst // it came from a checkpoint, whose pages are known
	}
	return m.homeSpans(dst, m.newest)
}

func (m *Machine) homeSpans(dst []Span, e *extent) []Span {
	if e.touch && m.cfg.Hosts > 1 {
		return dst // not decided yet; see Publish
	}
	own, end := len(dst), e.first+PageID(e.pages)
	for p := e.first; p < end; {
		home, run := e.run(p, m.cfg.Hosts)
		switch n := len(dst); {
		case home != m.cfg.Self:
		case n > own && dst[n-1].Page+PageID(dst[n-1].Count) == p:
			dst[n-1].Count += run
		case n-own == mostSpans:
			return append(dst[:own], Span{dst[own].Page, uint64(end - dst[own].Page)})
		default:
			dst = append(dst, Span{p, run})
		}
		p += PageID(run)
	}
	return dst
}

// run returns the home of p, and for how many pages from p on the extent's rule says so.
func (e *extent) run(p PageID, hosts int) (home HostID, count uint64) {
	i := uint64(p - e.first)
	left := e.pages - i
	if len(e.segments) == 0 {
		return e.home(p, hosts), min(left, e.block-i%e.block)
	}
	i %= e.segments[len(e.segments)-1].end
	k := sort.Search(len(e.segments), func(k int) bool { return i < e.segments[k].end })
	return e.segments[k].host, min(left, e.segments[k].end-i)
}
