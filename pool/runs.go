package pool

import (
	"cmp"
	"math"
	"slices"
)

// extent is a run of pages that a part has got in one piece: its own, or one that it has borrowed.
type extent struct{ first, pages uint64 }

func (e extent) end() uint64 { return e.first + e.pages }

// run is a run of free pages. of is the first page of the extent that it lies in: runs of different extents are not joined.
type run struct{ first, pages, of uint64 }

// runs are the free pages of a part, in the order of their addresses, joined as far as may be.
type runs []run

// find returns the first of so many free pages in a row, of one extent or of whichever, that begin at or after a page and, counted
// from a place before it, at a multiple of align pages.
func (r runs) find(pages, align, place, from, of uint64) (first uint64, ok bool) {
	for _, f := range r {
		if of != anyExtent && f.of != of {
			continue
		}
		first = roundUp(place+max(f.first, from), align) - place
		if first+pages <= f.first+f.pages {
			return first, true
		}
	}
	return 0, false
}

const anyExtent = math.MaxUint64

// cut removes pages that are free, all in one run.
func (r *runs) cut(first, pages uint64) {
	i, found := slices.BinarySearchFunc(*r, first, byPage)
	if !found {
		i--
	}
	f := (*r)[i]
	rest := []run{{f.first, first - f.first, f.of}, {first + pages, f.first + f.pages - first - pages, f.of}}
	rest = slices.DeleteFunc(rest, func(f run) bool { return f.pages == 0 })
	*r = slices.Replace(*r, i, i+1, rest...)
}

func byPage(f run, first uint64) int { return cmp.Compare(f.first, first) }

// put adds pages that are free now, and returns the run that they are part of then.
func (r *runs) put(f run) run {
	i, _ := slices.BinarySearchFunc(*r, f.first, byPage)
	left := i > 0 && (*r)[i-1].of == f.of && (*r)[i-1].first+(*r)[i-1].pages == f.first
	right := i < len(*r) && (*r)[i].of == f.of && f.first+f.pages == (*r)[i].first
	switch {
	case left && right:
		(*r)[i-1].pages += f.pages + (*r)[i].pages
		*r = slices.Delete(*r, i, i+1)
		return (*r)[i-1]
	case left:
		(*r)[i-1].pages += f.pages
		return (*r)[i-1]
	case right:
		(*r)[i].first, (*r)[i].pages = f.first, (*r)[i].pages+f.pages
		return (*r)[i]
	}
	*r = slices.Insert(*r, i, f)
	return f
}
