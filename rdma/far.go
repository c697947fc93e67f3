package rdma

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A far is the memory of a peer, as far as this host has read its directory. Any thread.
type far struct {
	list atomic.Pointer[[]extent] // in the order of their pages

	mu    sync.Mutex // guards what follows, and changes of list
	block place      // of the directory: the one to read next, of which so many entries are known
	known int
	pause int // misses until the next look
	last  int // how long the pause was
	wild  bool
}

// mostPause is how many misses without a look there are at most.
const mostPause = 1024

func newFar(directory place) *far {
	f := &far{block: directory}
	f.list.Store(new([]extent))
	return f
}

// extents returns what is known.
func (f *far) extents() []extent { return *f.list.Load() }

// miss tells whether to look at the directory, for pages that are not in list. When that was of no use the last time, it is left
// alone for a while, longer each time: the peer may be unable to register its pages, and then every one would be looked for.
func (f *far) miss(list []extent) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(list) < len(f.extents()) {
		return false // another thread has looked
	}
	if f.pause > 0 {
		f.pause--
		return false
	}
	return !f.wild
}

// look reads the directory from where it is known. fetch reads what is at a place, of so many bytes, into memory that it
// keeps.
func (f *far) look(fetch func(from place, bytes int) ([]byte, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	news := false
	for more := true; more && !f.wild; {
		// The bytes of a block may come in any order. What is valid in the first reading is complete in the second one.
		b, err := fetch(f.block, blockBytes)
		if err != nil {
			return err
		}
		valid := f.known
		for valid < blockBytes/entryBytes && b[valid*entryBytes+entryValid] == 1 {
			valid++
		}
		if valid == f.known {
			break
		}
		news = true
		if b, err = fetch(f.block, blockBytes); err != nil {
			return err
		}
		if more, err = f.learn(b, valid); err != nil {
			f.wild = true
			return err
		}
	}
	f.pause = 0
	if !news {
		f.pause = min(max(1, 2*f.last), mostPause)
	}
	f.last = f.pause
	return nil
}

// learn takes in the entries of a block up to valid. more is true when it links to another block.
func (f *far) learn(b []byte, valid int) (more bool, err error) {
	list := slices.Clone(f.extents())
	for ; f.known < valid; f.known++ {
		var e extent
		if err := e.get(b[f.known*entryBytes:][:entryBytes]); err != nil {
			return false, err
		}
		if e.count == 0 {
			if f.known != blockBytes/entryBytes-1 {
				return false, fmt.Errorf("%w: %d entries in a block", errDirectory, f.known)
			}
			f.block, f.known = e.frames, 0
			f.list.Store(&list)
			return true, nil
		}
		if list, err = insert(list, e); err != nil {
			return false, err
		}
	}
	f.list.Store(&list)
	return false, nil
}
