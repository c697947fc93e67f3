package route

import (
	"fmt"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/wire"
)

var _ node.WordMailbox = (*mailbox)(nil)

// Atomic implements node.WordMailbox, where a part does.
func (b *mailbox) Atomic(home wire.HostID, a *core.Atomic) (old uint64, ok bool, err error) {
	i, err := b.t.index(home)
	if err != nil {
		return 0, false, fmt.Errorf("atomic operation: %w", err)
	}
	if box, can := b.boxes[i].(node.WordMailbox); can {
		return box.Atomic(home, a)
	}
	return 0, false, nil
}
