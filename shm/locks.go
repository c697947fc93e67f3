package shm

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"jiajia/core"
	"jiajia/core/wire"
)

// locks implements core.LockWords for the locks below lockCells, in memory of the hosts.
type locks struct{ t *Transport }

var _ core.LockWords = locks{}

const (
	lockCells    = 1024
	offerNotices = 13 // in a cell
)

// A cell is what a host's memory has for a lock. The tail counts at the manager alone. What follows the word is written by the
// cell's host while nothing is offered, and read by who has taken the offer, before anybody else can get the lock.
type cell struct {
	tail atomic.Uint64 // id of the last host that asked for the lock, plus 1; 0: none
	_    [56]byte

	word    atomic.Uint64 // twice the version, plus offered
	since   atomic.Uint64 // also read before the word is taken, which then shows that it was the right one
	epoch   uint64
	count   uint64
	notices [offerNotices]wire.Notice
}

const offered = 1

const cellBytes = 512

func (l locks) cell(host wire.HostID, id core.LockID) *cell {
	memory := l.t.memory
	if host != l.t.o.Self {
		memory = l.t.peers[host].theirs
	}
	return at[cell](memory, locksStart+uint64(id)*cellBytes)
}

// Follow implements core.LockWords.
func (l locks) Follow(id core.LockID) (before wire.HostID, ok bool, err error) {
	manager := wire.HostID(int(id) % l.t.o.Hosts)
	var old uint64
	if !l.t.use(func() { old = l.cell(manager, id).tail.Swap(uint64(l.t.o.Self) + 1) }) {
		return 0, false, fmt.Errorf("ask for lock %d: %w", id, net.ErrClosed)
	}
	if old > uint64(l.t.o.Hosts) {
		return 0, false, fmt.Errorf("ask for lock %d: %w", id, errCell)
	}
	return wire.HostID(old) - 1, old != 0, nil
}

var errCell = errors.New("its words in shared memory are damaged")

// Offer implements core.LockWords.
func (l locks) Offer(id core.LockID, o *core.Offer) {
	l.t.use(func() {
		c := l.cell(l.t.o.Self, id)
		c.since.Store(o.Since)
		c.epoch, c.count = o.Epoch, uint64(copy(c.notices[:], o.Notices))
		c.word.Store(o.Version<<1 | offered)
	})
}

// Take implements core.LockWords.
func (l locks) Take(id core.LockID, from wire.HostID, seen uint64, o *core.Offer) (ok bool) {
	l.t.use(func() {
		c := l.cell(from, id)
		word := c.word.Load()
		if word&offered == 0 || c.since.Load() > seen || !c.word.CompareAndSwap(word, word&^offered) {
			return
		}
		ok = true
		o.Version, o.Epoch = word>>1, c.epoch
		o.Notices = append(o.Notices[:0], c.notices[:min(c.count, offerNotices)]...)
	})
	return ok
}

// TakeBack implements core.LockWords.
func (l locks) TakeBack(id core.LockID) (ok bool) {
	l.t.use(func() {
		c := l.cell(l.t.o.Self, id)
		word := c.word.Load()
		ok = word&offered != 0 && c.word.CompareAndSwap(word, word&^offered)
	})
	return ok
}

// ShareLocks has the locks of the job live in shared memory. All hosts of the job are to be peers by this transport, at each of
// them, and all call it, before Start.
func (t *Transport) ShareLocks() { t.shareLocks = true }

// LockWords implements node.LockSharer.
func (t *Transport) LockWords() (words core.LockWords, below core.LockID, room int) {
	if !t.shareLocks {
		return nil, 0, 0
	}
	return locks{t}, lockCells, offerNotices
}
