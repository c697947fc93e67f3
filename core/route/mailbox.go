package route

import (
	"fmt"
	"net"
	"sync"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A mailbox is one mailbox of each part, all with the same id.
type mailbox struct {
	t     *Transport
	id    uint32
	boxes []node.Mailbox // by part
	sources

	waiting sync.Mutex // held while the thread waits for several parts at once; guards what follows
	dead    bool
	turn    int // part to look at first
	sleeper sleeper
}

var _ node.Mailbox = (*mailbox)(nil)

// ID implements node.Mailbox.
func (b *mailbox) ID() uint32 { return b.id }

// Send implements node.Mailbox.
func (b *mailbox) Send(to wire.HostID, m *wire.Message, body ...[]byte) error {
	i, err := b.t.index(to)
	if err != nil {
		return fmt.Errorf("send %v: %w", m.Type, err)
	}
	return b.boxes[i].Send(to, m, body...)
}

// Recv implements node.Mailbox.
func (b *mailbox) Recv(from wire.HostID, m *wire.Message, frames [][]byte) error {
	var i int
	var err error
	if from == wire.Any {
		i, err = b.await()
	} else {
		i, err = b.t.index(from)
	}
	if err != nil {
		return fmt.Errorf("receive in mailbox %d: %w", b.id, err)
	}
	return b.boxes[i].Recv(from, m, frames)
}

// await waits until there is something from any host, and returns the part that has it.
func (b *mailbox) await() (int, error) {
	b.waiting.Lock()
	defer b.waiting.Unlock()
	for start := time.Now(); ; {
		if b.dead || b.t.closed.Load() {
			return none, net.ErrClosed
		}
		for k := range b.boxes {
			if i := (b.turn + k) % len(b.boxes); b.boxes[i].Ready() {
				b.turn = (i + 1) % len(b.boxes)
				return i, nil
			}
		}
		if time.Since(start) < b.t.spin {
			yield()
		} else if err := b.sleeper.sleep(b.sources, &b.t.end); err != nil {
			return none, err
		}
	}
}

// detach waits until nobody waits and makes further attempts fail.
func (b *mailbox) detach() {
	b.waiting.Lock()
	b.dead = true
	b.waiting.Unlock()
}

// Read implements node.Mailbox.
func (b *mailbox) Read(from wire.HostID, pages []wire.PageID, frames [][]byte) (bool, error) {
	i, err := b.t.index(from)
	if err != nil {
		return false, fmt.Errorf("read pages: %w", err)
	}
	return b.boxes[i].Read(from, pages, frames)
}

// Write implements node.Mailbox.
func (b *mailbox) Write(to wire.HostID, stream []byte) (bool, error) {
	i, err := b.t.index(to)
	if err != nil {
		return false, fmt.Errorf("write pages: %w", err)
	}
	return b.boxes[i].Write(to, stream)
}
