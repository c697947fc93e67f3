package core

import "jiajia/core/wire"

// EffectKind says what the driver has to do.
type EffectKind uint8

// Memory effects, which the driver carries out in order before it lets go of the mutex under which it called the
// machine: together with the step that produced them they are one atomic action.
const (
	// Protect lowers Count pages from Page on to read-only. On return no store can succeed without a fault.
	Protect EffectKind = iota
	// Unmap takes all access to Count pages away. Their frames keep their content.
	Unmap
	// Twin copies the frame of Page to a fresh twin.
	Twin
	// Diff compares Page with its twin, adds the changed bytes to diff message ID and frees the twin.
	Diff
	// Map makes Count pages from Page on readable.
	Map
	// MapWrite makes Count pages from Page on writable.
	MapWrite
	// MapFresh makes Count pages from Page on writable, none of which was ever mapped here. They read as zero, but for what
	// hosts that reach this one's memory have stored there.
	MapFresh
	// Discard takes all access to Count pages away and gives their frames back. They read as zero afterwards.
	Discard
	// Abandon takes all access to Count pages away and drops the twins among them. Their frames keep their content.
	Abandon
	// Publish tells that Count pages from Page on, of which allocations did not say so, are homed here from now on.
	Publish
	// Hide takes all access to Count pages away, which are still copies: their frames keep their content.
	Hide
	// Execute carries out Effects.Atomic on the frame of Page and puts what the word held before into the Version of Msgs[Msg].
	Execute
	// CutBegin begins what a checkpoint stores of this host: generation ID, everything if Count is 1, and else what changed since the
	// one before. Until CutEnd only Zero, Protect and Save follow, maybe in several steps, with steps of others in between.
	CutBegin
	// Zero tells that Count pages from Page on were given back since the checkpoint before: what older generations have of them
	// counts no more. All Zero come before the first Save, and in the order of pages.
	Zero
	// Save adds Count pages from Page on to the snapshot. They are write-protected. They come in the order of pages.
	Save
	// CutEnd ends it, as CutBegin began it. From now on until CutDone every change of these pages must go through this host.
	CutEnd

	lastMemoryEffect = CutEnd
)

// Effects of the second kind follow, in order, and may be carried out after the mutex was released.
const (
	// Send sends Msgs[Msg] to the server of Host, from the mailbox of the calling thread (or from the server, when
	// the step was a message to it).
	Send EffectKind = iota + lastMemoryEffect + 1
	// SendLink sends Msgs[Msg] to the barrier thread of Host.
	SendLink
	// SendDiff sends diff message ID to the server of Host. When it turned out empty, the driver does not send it but
	// hands the machine a DiffAck for it at once.
	SendDiff
	// Reply sends Msgs[Msg] to the mailbox Msgs[Msg].Port of Host.
	Reply
	// ReplyPage is Reply with the bytes of Count pages (Effects.PagesOf) as payload, read no earlier than now.
	ReplyPage
	// Read copies Count pages (Effects.PagesOf) of Host, which is reached, into their frames here, without that host's
	// processor. It belongs to a thread's call and is complete before the driver awaits a message for it or resumes it.
	Read
	// Wake tells waiter Waiter, which was Parked, to Resume.
	Wake
	// NeedRoom asks for a call of Reclaim, soon, by a thread in the background.
	NeedRoom
)

// Effect is one thing for the driver to do.
type Effect struct {
	Kind   EffectKind
	Host   HostID
	Page   PageID
	Count  uint64
	ID     uint64 // of a diff message; where the pages of a ReplyPage or Read begin in Effects.pages
	Msg    int    // index in Effects.Msgs
	Waiter Waiter
}

// Memory tells whether the effect belongs into the critical section of the step that produced it.
func (e *Effect) Memory() bool { return e.Kind <= lastMemoryEffect }

// Effects collects what a step wants done. A driver keeps one for each thread and resets it between steps.
type Effects struct {
	List []Effect
	Msgs []wire.Message
	// Atomic is the operation of the one Execute, if there is one.
	Atomic Atomic

	pages []PageID
}

// PagesOf returns the pages of a ReplyPage or Read. It is valid until Reset.
func (fx *Effects) PagesOf(e *Effect) []PageID { return fx.pages[e.ID : e.ID+e.Count] }

// Reset empties fx and keeps its memory. Lists inside messages belong to the machine and are not reused.
func (fx *Effects) Reset() {
	fx.List = fx.List[:0]
	fx.Msgs = fx.Msgs[:0]
	fx.pages = fx.pages[:0]
}

func (fx *Effects) add(e Effect) { fx.List = append(fx.List, e) }

// run adds a memory effect on one page, joined to the one before when that covers the pages just below.
func (fx *Effects) run(k EffectKind, p PageID) { fx.span(k, p, 1) }

// span is run for so many pages from p on.
func (fx *Effects) span(k EffectKind, p PageID, count uint64) {
	if n := len(fx.List); n > 0 {
		last := &fx.List[n-1]
		if last.Kind == k && last.Page+PageID(last.Count) == p {
			last.Count += count
			return
		}
	}
	fx.add(Effect{Kind: k, Page: p, Count: count})
}

func (fx *Effects) send(k EffectKind, to HostID, msg wire.Message) {
	fx.Msgs = append(fx.Msgs, msg)
	fx.add(Effect{Kind: k, Host: to, Msg: len(fx.Msgs) - 1})
}

// list adds an effect that concerns a list of pages.
func (fx *Effects) list(e Effect, pages []PageID) {
	e.ID, e.Count = uint64(len(fx.pages)), uint64(len(pages))
	fx.pages = append(fx.pages, pages...)
	fx.add(e)
}
