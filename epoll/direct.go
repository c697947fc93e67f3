package epoll

import (
	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// What TCP cannot do: reach memory without the processor that it belongs to.

// Reaches implements node.Transport.
func (t *Transport) Reaches(wire.HostID) bool { return false }

// Publish implements node.Transport.
func (t *Transport) Publish([]node.Span) error { return nil }

// Marked implements node.Transport.
func (t *Transport) Marked(dst []wire.PageID) []wire.PageID { return dst }

// Read implements node.Mailbox.
func (b *Mailbox) Read(wire.HostID, []wire.PageID, [][]byte) (bool, error) { return false, nil }

// Write implements node.Mailbox.
func (b *Mailbox) Write(wire.HostID, []byte) (bool, error) { return false, nil }

// Ready implements node.Source.
func (b *Mailbox) Ready() bool {
	for i := range b.lines {
		if b.lines[i].buffered() > 0 || b.lines[i].peer.lost() {
			return true
		}
	}
	n, err := unix.Poll(b.polls, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// Arm implements node.Source.
func (b *Mailbox) Arm(fds []unix.PollFd) []unix.PollFd { return append(fds, b.polls...) }

// Disarm implements node.Source.
func (b *Mailbox) Disarm() {}
