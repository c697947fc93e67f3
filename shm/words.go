package shm

import (
	"fmt"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/wire"
)

var _ node.WordMailbox = (*Mailbox)(nil)

// Atomic implements node.WordMailbox.
func (b *Mailbox) Atomic(home wire.HostID, a *core.Atomic) (old uint64, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.usable(home)
	if err != nil {
		return 0, false, fmt.Errorf("atomic operation at host %d: %w", home, err)
	}
	if p.far != nil {
		old, ok = p.far.atomic(a)
	}
	return old, ok, nil
}

// atomic carries out an operation on a word. ok is false when it is beyond the memory or cannot be mapped.
func (f *far) atomic(a *core.Atomic) (old uint64, ok bool) {
	page := wire.PageID(a.At / uint64(f.pageSize))
	if uint64(page) >= f.pages {
		return 0, false
	}
	c := f.chunk(page)
	if c == nil {
		return 0, false
	}
	return node.Execute(f.frame(c, page), a), true
}
