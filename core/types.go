// Package core is the protocol of one host: home-based scope consistency with multiple writers, as a plain
// deterministic state machine. It does no I/O, starts no goroutine, reads no clock, takes no lock and touches no page
// bytes. Calls of threads and messages of other hosts go in; effects come out, in an order that the driver must keep.
//
// The rules P1 to P23 that comments cite are in docs/protocol.md, with the model that they were checked with.
// Scope consistency: Iftode, Singh and Li, SPAA 1996. Home-based diffs: Zhou, Iftode and Li, OSDI 1996. Write notices
// that travel with a lock: Hu, Shi and Tang, "JIAJIA", HPCN 1999.
package core

import (
	"fmt"

	"jiajia/core/wire"
)

// Names that the machine shares with its messages.
type (
	HostID = wire.HostID
	PageID = wire.PageID
)

// LockID and CVID are what programs pass: any int from 0 up.
type (
	LockID int32
	CVID   int32
)

// Waiter names a place where one thread waits: the port of its mailbox, at least 1. A waiter has at most one call
// under way.
type Waiter uint32

// Owner names a thread of the program for as long as the thread lives. Locks belong to owners.
type Owner uint64

// State is what this host may do with a page, and what others may hold of it.
type State uint8

const (
	// Absent: homed elsewhere, no copy here.
	Absent State = iota
	// ReadOnly: homed elsewhere, clean copy, write-protected.
	ReadOnly
	// Dirty: homed elsewhere, writable copy with a twin.
	Dirty
	// HomeFresh: homed here, never written by anybody, not mapped. No other host holds a copy.
	HomeFresh
	// HomeUntracked: homed here, writable, makes no notices: no other host can hold a copy.
	HomeUntracked
	// HomeIdle: like HomeUntracked, but still write-protected from the time when it was tracked.
	HomeIdle
	// HomeClean: homed here, tracked and write-protected: other hosts may hold copies.
	HomeClean
	// HomeDirty: homed here, tracked, written since it was last protected.
	HomeDirty
)

func (s State) String() string {
	return [...]string{"Absent", "ReadOnly", "Dirty", "HomeFresh", "HomeUntracked", "HomeIdle", "HomeClean", "HomeDirty"}[s]
}

// Status says what a thread has to do after a call into the machine, once it has carried out the effects.
type Status uint8

const (
	// Done: the call is finished.
	Done Status = iota
	// Again: call Resume right away. Long work is cut so that the driver can serve others in between.
	Again
	// Await: receive the next message that Awaiting describes, pass it to Handle, then call Resume.
	Await
	// Parked: wait for a Wake effect that names the waiter, then call Resume.
	Parked
)

// Misuse is an error of the program: the call, what was wrong with it and what to do. It is meant to be shown.
type Misuse struct{ Text string }

func (e *Misuse) Error() string { return e.Text }

func misuse(format string, args ...any) error { return &Misuse{fmt.Sprintf(format, args...)} }

// Config describes the job that a machine is part of.
type Config struct {
	Self  HostID
	Hosts int
	// Pages is the size of the reservation in pages.
	Pages uint64
	// PageSize is the coherence page in bytes.
	PageSize int
	// Base is the address of page 0: programs name what they free by its address.
	Base uint64
	// StepPages is how many pages one step of a flush or an invalidation deals with at most, so that others get a turn in
	// between. 0 stands for numbers that suit a real machine.
	StepPages int
	// ReadAhead is how many pages a fault fetches at most, with the one that it is about, where accesses follow each other in
	// order; fewer if they are large. Below 2: only the one.
	ReadAhead int
	// CachePages is how many frames there may be here of pages homed elsewhere, but for one that each thread may need besides.
	// 0: any number.
	CachePages uint64
	// Cuts: checkpoints may be taken, and the machine keeps count of what they have to store. The same on all hosts.
	Cuts bool
	// Guess, when not nil, appends to dst the pages that a fault on p should bring in besides p. It is for tests.
	Guess func(p PageID, dst []PageID) []PageID
	// Plant breaks one rule on purpose, so that tests can show that they would notice. Zero in production.
	Plant Plant
}
