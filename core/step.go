package core

// A walk goes through memory by a stride. A step of it leads to the next page that is fetchable: it passes over those that
// are here already.

const (
	// A step is so many strides at most: with stride 1 or -1 it passes over blocks of home pages; with others, over
	// what is at home when pages are dealt round the hosts.
	passUnit   = 128
	passStride = 4 // follows has it spelled out
	// A stride whose pages in between are all here counts as 1 or -1, up to this length.
	passGuess = 16
)

// follows tells whether a walk goes from page at to p in one step.
func follows(at, p PageID, stride int64, fetchable func(PageID) bool) bool {
	switch d := int64(p - at); {
	case d == stride:
		return true
	case stride == 1 || stride == -1:
		if n := d * stride; n < 2 || n > passUnit {
			return false
		}
	case d != 2*stride && d != 3*stride && d != 4*stride: // no division: this is the way of most misses without order
		return false
	}
	return nothingBetween(at, p, stride, fetchable)
}

// guess is the stride of a step from page at to p.
func guess(at, p PageID, fetchable func(PageID) bool) int64 {
	d, unit := int64(p-at), int64(1)
	if d < 0 {
		unit = -1
	}
	if d*unit <= passGuess && nothingBetween(at, p, unit, fetchable) {
		return unit
	}
	return d
}

// nothingBetween tells whether a walk from page at to p passes only over pages that are not fetchable.
func nothingBetween(at, p PageID, stride int64, fetchable func(PageID) bool) bool {
	for at += PageID(stride); at != p; at += PageID(stride) {
		if fetchable(at) {
			return false
		}
	}
	return true
}

func passable(stride int64) int64 {
	if stride == 1 || stride == -1 {
		return passUnit
	}
	return passStride
}
