//go:build rdma

package rdma

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"jiajia/core/node"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// exports is the memory that peers read and write: the pages that Publish has named, as far as they could be registered.
type exports struct {
	t *Transport

	idle  *verbs.CQ                       // of queue pairs over which nothing is sent from here; of the loop's thread
	lanes []*verbs.QP                     // these; of the loop's thread
	asked map[wire.HostID]map[uint32]bool // for which mailboxes; of the loop's thread

	mu      sync.Mutex // guards what follows
	arena   arena      // of the directory and the marks
	list    []export   // in the order of their pages
	block   []byte     // of the directory: the last one, of which so many entries are used
	entries int
	locked  uint64      // bytes of frames
	news    []node.Span // of list, those that Kept has not told
	refused bool        // which has been said
	freed   bool
}

// An export is an extent of this host.
type export struct {
	extent
	mr    *verbs.MR
	marks marks
}

// open makes the directory, whose place peers are told beforehand.
func (x *exports) open() (place, error) {
	b, at, err := x.arena.get(x.t.pd, blockBytes)
	x.block = b
	return at, err
}

// publish registers the pages of home, within a slab all that lies between them.
func (x *exports) publish(home []node.Span) {
	x.mu.Lock()
	defer x.mu.Unlock()
	pages := uint64(len(x.t.o.Memory) / x.t.o.PageSize)
	if x.block == nil || x.freed || pages == 0 {
		return
	}
	home = slices.SortedFunc(slices.Values(home), func(a, b node.Span) int { return cmp.Compare(a.Page, b.Page) })
	var hull extent
	for _, s := range home {
		for at, end := uint64(s.Page), min(uint64(s.Page)+s.Count, pages); at < end; {
			slab := at / slabPages
			to := min(end, (slab+1)*slabPages)
			if hull.count > 0 && hull.first/slabPages == slab {
				hull.count = to - hull.first
			} else {
				if !x.cover(hull) {
					return
				}
				hull = extent{first: at, count: to - at}
			}
			at = to
		}
	}
	x.cover(hull)
}

// cover registers what is not registered yet of a part of a slab. It returns false when that cannot be done.
func (x *exports) cover(hull extent) bool {
	if hull.count == 0 {
		return true
	}
	slab := hull.first / slabPages * slabPages
	top := min(slab+slabPages, uint64(len(x.t.o.Memory)/x.t.o.PageSize))
	at, _ := slices.BinarySearchFunc(x.list, slab, func(e export, page uint64) int { return cmp.Compare(e.first, page) })
	have := uint64(0) // pages of the slab
	for i := at; i < len(x.list) && x.list[i].first < top; i++ {
		have += x.list[i].count
	}
	for next := hull.first; next < hull.end(); {
		for at < len(x.list) && x.list[at].end() <= next {
			at++
		}
		limit := top
		if at < len(x.list) && x.list[at].first < top {
			limit = x.list[at].first
		}
		if next >= limit {
			next = x.list[at].end()
			continue
		}
		// A program may take many small allocations, one after the other: each time twice as much is registered, so that a slab is a
		// few extents and not thousands.
		e := extent{first: next, count: min(max(min(hull.end(), limit)-next, have), limit-next)}
		if err := x.add(at, e); err != nil {
			if !x.refused {
				x.refused = true
				size := uint64(x.t.o.PageSize) * e.count
				x.t.o.Log.Warnf("pages of this host cannot be reached by RDMA without its processor, and are sent on request: %v",
					verbs.Locked(err, int(x.locked+size)))
			}
			return false
		}
		have += e.count
		next = e.end()
	}
	return true
}

// add registers an extent, and enters it in the list at its index and in the directory.
func (x *exports) add(at int, e extent) error {
	size := uint64(x.t.o.PageSize)
	if err := room(e.count * size); err != nil {
		return err
	}
	table, marksAt, err := x.arena.get(x.t.pd, int(marksBytes(e.count)))
	if err != nil {
		return err
	}
	frames := x.t.o.Memory[e.first*size : e.end()*size]
	mr, err := x.t.pd.Register(frames, verbs.LocalWrite|verbs.RemoteRead|verbs.RemoteWrite)
	if err != nil {
		return err
	}
	e.frames, e.marks = place{verbs.Address(frames), mr.Remote}, marksAt
	if err := x.enter(&e); err != nil {
		return errors.Join(err, mr.Free())
	}
	x.list = slices.Insert(x.list, at, export{e, mr, newMarks(table, e.count)})
	x.locked += e.count * size
	x.news = append(x.news, node.Span{Page: wire.PageID(e.first), Count: e.count})
	return nil
}

// enter adds an entry to the directory.
func (x *exports) enter(e *extent) error {
	if x.entries == blockBytes/entryBytes-1 {
		b, at, err := x.arena.get(x.t.pd, blockBytes)
		if err != nil {
			return err
		}
		x.put(&extent{frames: at})
		x.block, x.entries = b, 0
	}
	x.put(e)
	return nil
}

func (x *exports) put(e *extent) {
	b := x.block[x.entries*entryBytes:][:entryBytes]
	e.put(b)
	verbs.FullFence() // peers see all of a valid entry
	b[entryValid] = 1
	verbs.FullFence()
	x.entries++
}

// kept is Transport.Kept.
func (x *exports) kept(dst []node.Span) []node.Span {
	x.mu.Lock()
	defer x.mu.Unlock()
	dst = append(dst, x.news...)
	x.news = x.news[:0]
	return dst
}

// marked is Transport.Marked.
func (x *exports) marked(dst []wire.PageID) []wire.PageID {
	x.mu.Lock()
	defer x.mu.Unlock()
	verbs.FullFence() // what the home has written so far is there for who marks after this
	for i := range x.list {
		dst = x.list[i].marks.take(dst, &x.list[i].extent)
	}
	verbs.FullFence()
	return dst
}

// lane makes the end here of a queue pair over which a mailbox of p reads and writes. Loop's thread.
func (x *exports) lane(p *peer, mailbox uint32) (*verbs.QP, error) {
	if x.asked[p.id][mailbox] {
		return nil, ErrTwice
	}
	if x.idle == nil {
		cq, err := x.t.context.NewCQ(1, x.t.loop.register(nil), x.t.loop.ch)
		if err != nil {
			return nil, verbs.Locked(err, receiverBytes(1))
		}
		x.idle, x.asked = cq, make(map[wire.HostID]map[uint32]bool)
	}
	qp, err := x.t.pd.NewQP(&verbs.Want{Send: x.idle, Recv: x.idle, SendEntries: 1, Buffers: 1})
	if err != nil {
		return nil, verbs.Locked(err, receiverBytes(1))
	}
	x.lanes = append(x.lanes, qp)
	if x.asked[p.id] == nil {
		x.asked[p.id] = make(map[uint32]bool)
	}
	x.asked[p.id][mailbox] = true
	return qp, nil
}

// free gives everything back, once peers do not use it any more or have been told.
func (x *exports) free() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var errs []error
	for _, qp := range x.lanes {
		errs = append(errs, qp.Free())
	}
	if x.idle != nil {
		errs = append(errs, x.idle.Free())
	}
	for i := range x.list {
		errs = append(errs, x.list[i].mr.Free())
	}
	x.list, x.freed = nil, true
	return errors.Join(append(errs, x.arena.free())...)
}
