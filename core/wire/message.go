// Package wire defines the messages that hosts exchange and their bytes.
//
// Every message is a fixed header of HeaderSize bytes followed by Header.Length bytes of payload. All fields are
// 64-bit where a count, a size, an address or a version is meant, little-endian, and every one of them is checked
// on the way in: a decoder returns either a valid value or an error, never both, and never allocates more than the
// bytes that it was given justify.
//
// Page contents, diffs (see core/diff) and the bytes of messages between programs are payload that this package does not
// look into; everything else decodes into a Message.
package wire

// HostID numbers the processes of a job, 0 to n-1; it is what a program calls jiapid.
type HostID int32

// PageID is a page's number in the shared region: offset divided by the coherence page size.
type PageID uint64

// Many stands for "more than one host" where a page's writer is named.
const Many HostID = -1

// MaxWindow is the number of pages that one GetPage asks for at most.
const MaxWindow = 128

// Any stands for "whichever host" where a receiver waits for a message.
const Any HostID = -1

// Server is the port of a host's server, the thread that answers requests. Other ports are mailboxes: places where
// one waiting thread receives the answers meant for it.
const Server uint32 = 0

// Type says what a message is. The comments give the direction and the fields that it uses beside From and Port.
type Type uint8

const (
	// GetPage asks the home of pages for their content. Obj: the first page; Version: how many, 1 to MaxWindow; Epoch: from
	// one to the next, at least 1; Reply: mailbox; Host: 1 if the pages are of first touch and From knows no homes of them, else 0.
	GetPage Type = iota + 1
	// Page answers it. Obj: the first page; Version and Epoch: which of the pages carry bytes (Carries); payload: the bytes
	// of these. The others were never written (all zero).
	Page
	// Diff carries changed bytes to their home. Obj: the sender's number for this message; Reply: mailbox;
	// payload: diff records (core/diff).
	Diff
	// DiffAck says that the last byte of a Diff was applied. Obj: the sender's number.
	DiffAck
	// LockReq asks a lock's manager for the lock. Obj: lock; Reply: mailbox; Version: newest version that From has seen;
	// Epoch: 1 if it only tries, else 0.
	LockReq
	// LockFwd passes a request on from the manager to the last requester. Obj: lock; Host: requester; Reply: the
	// requester's mailbox; Version: newest version that Host has seen; Epoch: as in LockReq.
	LockFwd
	// LockGrant hands a lock over. Obj: lock; Version: its release count; Epoch: barriers that the granter has left;
	// Notices: what was written in scopes that the receiver has not seen.
	LockGrant
	// BarArrive goes up the barrier tree. Obj: rendezvous number; Kind: which call; Ranges: pages written below here;
	// Version: number of allocations made so far; Allocs: those since the last rendezvous; Epoch: from host 0 to another one, where two
	// exchange arrivals, what BarRelease has there.
	BarArrive
	// BarRelease goes down the barrier tree. Obj: rendezvous number; Kind; Ranges: all pages written by anybody; Epoch: the
	// checkpoint that is taken (core.Cut): twice its generation, plus 1 if it is a full one; 0 for none.
	BarRelease
	// CVSet, CVReset and CVWait go to the manager of a condition variable. Obj: its number; Reply: mailbox.
	CVSet
	CVReset
	CVWait
	// CVDone answers them: at once, and for CVWait when the variable is set. Obj: its number.
	CVDone
	// Stats goes up the barrier tree at the end of a job. Numbers: the statistics of the hosts from here down.
	Stats
	// Data carries a piece of a message of jia_send. Obj: the sender's number for the message; Version: bytes of the
	// whole message; Epoch: its tag; payload: the bytes after those of the pieces before.
	Data
	// Collect carries a part of a collective call. Obj: the step's number, counted alike on all hosts; Version: which
	// call and operation; Epoch: bytes of the whole call; Host: its root; payload: bytes.
	Collect
	// Claim asks the manager of a page whose home is decided by its first writer to make From the home. Obj: the page; Reply:
	// mailbox.
	Claim
	// Claimed answers it: the page is homed at the receiver. Obj: the page; Version: 1 if others may hold blank copies, else 0.
	Claimed
	// HomeIs answers a Claim, or a GetPage for pages of which one at least is homed elsewhere, at their manager. Obj: the
	// first page; Numbers: the homes of the pages that were asked for, 1 to MaxWindow; the manager stands for itself and for
	// no home yet.
	HomeIs
	// PoolAsk asks another host about memory of a pool. Obj: the pool's serial number; Kind is not used; Version: what is asked
	// (core/node has the questions); Epoch: its argument; Reply: mailbox.
	PoolAsk
	// PoolGive answers it. Obj: the serial number; Version and Epoch: the answer; Host: where else to ask. Posted to a server it
	// gives back what belongs to the receiver, or is the receipt for that: Version: which of these; Numbers: what; Host: who gives
	// it; Reply and Epoch: a number and a weight, for counting receipts.
	PoolGive
	// Atomic asks the home of a word for an atomic operation. Obj: the word's offset in the region, in bytes; Host: which
	// operation, and the width (core.AtomicOp.Code); Version: its operand; Epoch: what AtomicCompareExchange compares with;
	// Reply: mailbox.
	Atomic
	// AtomicDone says that it was executed. Obj: the offset; Version: what the word held before.
	AtomicDone
	// LockBusy refuses what LockReq, LockFwd or RWAsk only tried. Obj: lock.
	LockBusy
	// RWAsk asks the manager of a reader/writer lock for it. Obj: lock; Reply: mailbox; Version: newest version that From has
	// seen; Epoch: how (core.RWMode).
	RWAsk
	// RWGrant lets its receiver in. Obj: lock; Version: its release count; Epoch: barriers that the manager has left; Notices:
	// what was written in scopes that the receiver has not seen.
	RWGrant
	// RWDone tells the manager of the end of a scope. Obj: lock; Epoch: 0 of a reader's; 1 of a writer's; 2 if more of its
	// notices follow. Of a writer's: Version: the new release count; Notices: what was written in it. Reply: mailbox, to which the
	// manager sends one back, with Obj alone.
	RWDone
	// CkptPlan tells every host which checkpoint host 0 is about to have taken. Obj: its generation; Text: what else of it
	// (core/node has the contents of these).
	CkptPlan
	// CkptPart tells host 0 that From has written its part, or why not. Obj: the generation; Text: what.
	CkptPart
	// CkptResult tells every host what became of it. Obj: the generation; Text: what.
	CkptResult
	// CkptDone tells host 0 that From knows, and is ready for the next one. Obj: the generation.
	CkptDone

	lastType = CkptDone
)

var typeNames = [...]string{
	GetPage: "GetPage", Page: "Page", Diff: "Diff", DiffAck: "DiffAck", LockReq: "LockReq", LockFwd: "LockFwd",
	LockGrant: "LockGrant", BarArrive: "BarArrive", BarRelease: "BarRelease", CVSet: "CVSet", CVReset: "CVReset",
	CVWait: "CVWait", CVDone: "CVDone", Stats: "Stats", Data: "Data", Collect: "Collect",
	Claim: "Claim", Claimed: "Claimed", HomeIs: "HomeIs", PoolAsk: "PoolAsk", PoolGive: "PoolGive",
	Atomic: "Atomic", AtomicDone: "AtomicDone", LockBusy: "LockBusy", RWAsk: "RWAsk", RWGrant: "RWGrant", RWDone: "RWDone",
	CkptPlan: "CkptPlan", CkptPart: "CkptPart", CkptResult: "CkptResult", CkptDone: "CkptDone",
}

func (t Type) String() string {
	if t == 0 || t > lastType {
		return "unknown message"
	}
	return typeNames[t]
}

// Bulk tells whether a message's payload travels beside it: bytes that this package does not look into.
func (t Type) Bulk() bool { return t == Page || t == Diff || t == Data || t == Collect }

// Kind tells the rendezvous calls apart, so that two hosts in different ones are found out.
type Kind uint16

const (
	KindBarrier    Kind = iota // jia_barrier: rendezvous with coherence
	KindWait                   // jia_wait: rendezvous alone
	KindExit                   // jia_exit: a barrier that a host never leaves for another one
	KindCheckpoint             // jia_checkpoint: a barrier with a checkpoint

	lastKind = KindCheckpoint
)

func (k Kind) String() string {
	if k > lastKind {
		return "unknown rendezvous"
	}
	return [...]string{"jia_barrier", "jia_wait", "jia_exit", "jia_checkpoint"}[k]
}

// Notice says that Count pages from Page on were written in a scope of a lock. Version is the lock's release count at
// the end of that scope; Epoch is the number of barriers for which the writer had collected its notices by then.
// Invariant: Count >= 1 and Page+Count does not overflow.
type Notice struct {
	Page    PageID
	Count   uint64
	Version uint64
	Epoch   uint64
}

// Range says that Count pages from Page on were written since the last barrier by Writer, or by Many hosts.
// Invariant: Count >= 1 and Page+Count does not overflow. Lists of ranges are sorted and do not overlap.
type Range struct {
	Page   PageID
	Count  uint64
	Writer HostID
}

// Alloc records one allocation call, so that hosts that allocate differently can be told apart and told.
type Alloc struct {
	Call uint64   // which call; see core.AllocCall
	Args []uint64 // its arguments in order, arrays flattened
	At   PageID   // the first page of what it gave out or took back
}

// Message is a decoded message without bulk payload. Only the fields that its Type names are meaningful.
type Message struct {
	Type    Type
	Kind    Kind
	From    HostID // sender
	Port    uint32 // mailbox at the receiver, or Server
	Reply   uint32 // mailbox where the answer is awaited
	Host    HostID // the requester, where the sender speaks for another host
	Obj     uint64
	Version uint64
	Epoch   uint64
	Notices []Notice
	Ranges  []Range
	Allocs  []Alloc
	Numbers []uint64
	Text    string
	Length  uint64 // payload bytes, set by encoding and decoding
}

// Carries tells whether a Page message has bytes of the i-th page that was asked for.
func (m *Message) Carries(i int) bool {
	if i < 64 {
		return m.Version>>i&1 != 0
	}
	return m.Epoch>>(i-64)&1 != 0
}

// Carry notes that a Page message has bytes of the i-th page.
func (m *Message) Carry(i int) {
	if i < 64 {
		m.Version |= 1 << i
	} else {
		m.Epoch |= 1 << (i - 64)
	}
}
