package node

import (
	"fmt"

	"jiajia/core"
	"jiajia/core/diff"
	"jiajia/core/wire"
)

// Pages of a checkpoint on their way to their homes. Those that live here are stored. Others travel as diffs to pages that are zero, and
// so without what is zero in them, many to a message. Several messages are under way at once, since nobody but this thread waits for them.

const (
	fillBytes = 256 << 10 // of a message, from which on it is sent
	mostDue   = 32        // messages that are not acknowledged yet
)

// fill is a message to one home that is being filled.
type fill struct {
	buf []byte
	id  uint64
}

// bring brings consecutive pages home.
func (l *loader) bring(first core.PageID, data []byte) error {
	n, size := l.n, l.n.cfg.PageSize
	if err := l.claim(first, len(data)/size); err != nil {
		return err
	}
	for len(data) > 0 {
		run, home, nowhere, err := l.run(first, len(data)/size)
		if err != nil {
			return err
		}
		bytes := data[:run*size]
		switch {
		case nowhere: // freed by the checkpoint
		case home == n.cfg.Self:
			if err := n.region.Store(uint64(first), bytes); err != nil {
				return err
			}
		default:
			l.send(first, bytes, home)
		}
		data, first = data[run*size:], first+core.PageID(run)
	}
	return nil
}

// run returns for how many of count pages from first on the home is the same, and notes those that live here.
func (l *loader) run(first core.PageID, count int) (run int, home wire.HostID, nowhere bool, err error) {
	n := l.n
	n.mu.Lock()
	defer n.mu.Unlock()
	home, _, nowhere = n.machine.LoadAt(first)
	for run = 1; run < count; run++ {
		if h, _, no := n.machine.LoadAt(first + core.PageID(run)); h != home || no != nowhere {
			break
		}
	}
	if !nowhere && home == n.cfg.Self {
		for i := range run {
			n.machine.Load(first+core.PageID(i), &l.t.fx)
		}
		err = n.memory(l.t, &l.t.fx)
		l.t.fx.Reset()
	}
	return run, home, nowhere, err
}

// claim makes this host the home of those of the pages that are placed by first touch and have no home yet: it is the first that
// writes them, as the host was, mostly this one, that wrote them first in the run before.
func (l *loader) claim(first core.PageID, count int) error {
	n := l.n
	sent := 0
	for p := first; p < first+core.PageID(count); p++ {
		n.mu.Lock()
		home, claim, nowhere := n.machine.LoadAt(p)
		n.mu.Unlock()
		if !claim || nowhere {
			continue
		}
		if l.due == mostDue {
			l.receive()
		}
		n.send(l.t, home, &wire.Message{Type: wire.Claim, Reply: uint32(l.t.id), Obj: uint64(p)})
		l.due++
		sent++
	}
	for sent > 0 && l.due > 0 {
		l.receive()
	}
	return nil
}

// send adds pages to the message to their home.
func (l *loader) send(first core.PageID, data []byte, home wire.HostID) {
	size := l.n.cfg.PageSize
	if l.twin == nil {
		l.twin = make([]byte, size)
	}
	f := &l.filling[home]
	for ; len(data) > 0; data, first = data[size:], first+1 {
		f.buf, _ = diff.AppendRecord(f.buf, uint64(first), data[:size], l.twin)
		if len(f.buf) >= fillBytes || len(f.buf)+diff.MaxRecord(size) > wire.MaxDiff {
			l.flush(home)
		}
	}
}

// flush sends what there is for a home.
func (l *loader) flush(home wire.HostID) {
	f := &l.filling[home]
	if len(f.buf) == 0 {
		return
	}
	for l.due >= mostDue {
		l.receive()
	}
	f.id++
	l.n.send(l.t, home, &wire.Message{Type: wire.Diff, Obj: f.id, Reply: uint32(l.t.id), Length: uint64(len(f.buf))}, f.buf)
	f.buf = f.buf[:0]
	l.due++
}

// finish sends the rest and waits until everything is at its home.
func (l *loader) finish() {
	for home := range l.filling {
		l.flush(wire.HostID(home))
	}
	for l.due > 0 {
		l.receive()
	}
}

// receive takes one answer.
func (l *loader) receive() {
	n, m := l.n, &l.t.in
	if err := l.t.box.Recv(wire.Any, m, nil); err != nil {
		n.peerFailed(wire.Any, err)
	}
	l.due--
	if m.Type == wire.DiffAck {
		return
	}
	n.mu.Lock()
	err := n.machine.LoadClaimed(m, &l.t.fx)
	if err == nil {
		err = n.memory(l.t, &l.t.fx)
	}
	l.t.fx.Reset()
	n.mu.Unlock()
	if err != nil {
		n.fail(fmt.Errorf("restore page %d: %w", m.Obj, err))
	}
}
