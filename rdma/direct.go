//go:build rdma

package rdma

import (
	"fmt"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// Reaches implements node.Transport.
func (t *Transport) Reaches(host wire.HostID) bool {
	p, err := t.to(host)
	return err == nil && p.far != nil
}

// Publish implements node.Transport. It locks the pages in memory, and makes frames for those that have none yet.
func (t *Transport) Publish(home []node.Span) error {
	t.exports.publish(home)
	return nil
}

// Kept implements node.FrameKeeper.
func (t *Transport) Kept(dst []node.Span) []node.Span { return t.exports.kept(dst) }

// Marked implements node.Transport.
func (t *Transport) Marked(dst []wire.PageID) []wire.PageID { return t.exports.marked(dst) }

// Read implements node.Mailbox.
func (b *Mailbox) Read(from wire.HostID, pages []wire.PageID, frames [][]byte) (bool, error) {
	ok, err := b.reach(from, func(l *lane) (bool, error) { return b.hand.readPages(l, pages, frames) })
	if err != nil {
		return false, fmt.Errorf("read pages of host %d: %w", from, err)
	}
	return ok, nil
}

// Write implements node.Mailbox.
func (b *Mailbox) Write(to wire.HostID, stream []byte) (bool, error) {
	ok, err := b.reach(to, func(l *lane) (bool, error) { return b.hand.writeDiffs(l, stream) })
	if err != nil {
		return false, fmt.Errorf("write to pages of host %d: %w", to, err)
	}
	return ok, nil
}

// reach calls f with the lane to a host, if there is one.
func (b *Mailbox) reach(host wire.HostID, f func(*lane) (bool, error)) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.line(host)
	if err != nil || c.peer.far == nil {
		return false, err
	}
	l, err := b.hand.lane(c.peer, b.id)
	if err != nil || l == nil {
		return false, err
	}
	return f(l)
}
