package core

import (
	"cmp"
	"math"
	"slices"

	"jiajia/core/wire"
)

// noticeList is the write notices of one lock: for each page the newest version in whose scope it was written, and how
// many barriers the writer had collected by then. The list travels with the lock and is kept by everybody who held it
// (P13).
//
// Invariant: items ascend in version; each page has one live item (the others were overtaken and have page noPage).
type noticeList struct {
	items []notice
	dead  int
	// index finds a page's item once the list is long.
	index map[PageID]int
}

type notice struct {
	page           PageID
	version, epoch uint64
}

const (
	noPage      PageID = math.MaxUint64
	indexLength        = 16
)

func (n *noticeList) add(p PageID, version, epoch uint64) {
	if i := n.find(p); i >= 0 {
		n.items[i].page = noPage
		n.dead++
	}
	if n.dead > 2*indexLength && n.dead > len(n.items)/2 {
		n.compact(0)
	}
	n.items = append(n.items, notice{p, version, epoch})
	if n.index != nil {
		n.index[p] = len(n.items) - 1
	} else if len(n.items) > indexLength {
		n.reindex()
	}
}

func (n *noticeList) find(p PageID) int {
	if n.index != nil {
		if i, ok := n.index[p]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(n.items, func(x notice) bool { return x.page == p })
}

// compact drops overtaken items and those from before the given epoch.
func (n *noticeList) compact(epoch uint64) {
	n.items = slices.DeleteFunc(n.items, func(x notice) bool { return x.page == noPage || x.epoch < epoch })
	n.dead = 0
	n.reindex()
}

func (n *noticeList) reindex() {
	n.index = nil
	if len(n.items) <= indexLength {
		return
	}
	n.index = make(map[PageID]int, 2*len(n.items))
	for i := range n.items {
		if n.items[i].page != noPage {
			n.index[n.items[i].page] = i
		}
	}
}

// newer returns the notices with a version above seen, in runs of pages. What a barrier that this host has left covers
// (epoch is how many that are) is not worth sending and is dropped (P9).
func (n *noticeList) newer(seen, epoch uint64) []wire.Notice {
	if len(n.items) > indexLength && n.items[0].epoch < epoch {
		n.compact(epoch)
	}
	first, _ := slices.BinarySearchFunc(n.items, seen+1, func(x notice, v uint64) int { return cmp.Compare(x.version, v) })
	var out []wire.Notice
	for _, x := range n.items[first:] {
		if x.page == noPage || x.epoch < epoch {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Page+PageID(out[k].Count) == x.page && out[k].Version == x.version && out[k].Epoch == x.epoch {
			out[k].Count++
			continue
		}
		out = append(out, wire.Notice{Page: x.page, Count: 1, Version: x.version, Epoch: x.epoch})
	}
	return out
}
