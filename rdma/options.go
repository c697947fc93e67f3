// Package rdma carries the messages of a job over RDMA: reliable, connected queue pairs of libibverbs (package
// verbs). It is built in with the tag rdma; without it New returns a transport that says so.
//
// The connection manager joins each pair of hosts by one connection, over which they prove to each other that they belong to
// the job. This service connection carries Post, and what the two tell each other to join further queue pairs: one for each
// mailbox and peer, one for a link, one for the data in each direction. So who waits for something polls its own completion
// queue, and nobody hands an answer over to another thread.
//
// A message is cut into segments, each for one receive buffer. Whoever receives grants the sender one credit for
// each of its buffers, and again when it has emptied one; no segment is sent without, so no receiver is overrun. Two buffers
// are kept for segments without bytes, which only grant credits.
package rdma

import (
	"net/netip"
	"time"

	"jiajia/core/event"
	"jiajia/core/node"
	"jiajia/core/wire"
)

// Options say who this host is.
type Options struct {
	Self     wire.HostID
	Hosts    int           // of the job
	Secret   []byte        // of the job; 16 bytes at least, the same on all hosts and known to nobody else
	Handler  node.Handler  // called by the serving thread
	Spin     time.Duration // how long a waiting thread polls before it sleeps; 0: not at all
	PageSize int           // bytes of a page, the same on all hosts

	// Memory is what peers may read and write as Publish says: a mapping of the region, readable and writable, for longer than
	// the transport is open. Page p is at p times PageSize. nil: nothing.
	Memory []byte

	// Address is tried first: that of this host for TCP, say. Else the first address of an RDMA device is taken.
	Address netip.Addr

	// PeerTimeout is after what silence a peer is lost, the same on all hosts; 0: hosts do not beat, and only the end of a process or a
	// machine is noticed.
	PeerTimeout time.Duration

	// Log takes what happens to connections, at debug, and what keeps memory from being reached. nil for none.
	Log *event.Log

	// Fail is called, by the serving thread, when the transport cannot go on at all; it ends the job and does not return. nil: panic.
	Fail func(err error)
}
