//go:build rdma

package rdma

import (
	"jiajia/core/node"
	"jiajia/core/wire"
)

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
