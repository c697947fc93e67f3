package node

import (
	"golang.org/x/sys/unix"

	"jiajia/core"
	"jiajia/core/wire"
)

// A Transport carries the messages of one host to and from others, its peers: all of the job, or those that are reached in
// one way (package core/route joins several). It is made ready (listening, and with its peers known) before the node uses
// it.
//
// There is no order between two messages unless both travel from the same mailbox to the same host, over the same Link, or
// as data to the same host. A message is delivered once or the transport reports the peer as lost; it never delivers damage.
type Transport interface {
	// OpenMailbox returns a new mailbox connected to every peer. id, at least 1, has not been used for another one of this
	// host. It blocks while it connects. Any goroutine.
	OpenMailbox(id uint32) (Mailbox, error)

	// Post sends a message without payload bytes of its own (everything but bulk types) to the server of another
	// host. It never blocks: what the connection does not take at once is copied and queued. Any goroutine.
	Post(to wire.HostID, m *wire.Message) error

	// Reply sends m to mailbox m.Port of host `to`, which has sent a request from it or is waiting there for a
	// grant; body is the payload of a Page, in pieces, else nil. Like Post it never blocks and does not keep m, nor the list of
	// pieces. Their bytes, of frames, may be read after it has returned, but not after Close has. Any goroutine.
	Reply(to wire.HostID, m *wire.Message, body ...[]byte) error

	// OpenLink returns the connection that joins the barrier threads of this host and another one. The caller whose
	// id is higher connects, the other waits for it; both must call. Once for each pair.
	OpenLink(to wire.HostID) (Link, error)

	// SendData sends a Data or Collect message to another host, with its payload in pieces; m.Length must be their length.
	// Messages to one host arrive in the order of the calls. It blocks while the receiver is full (see Handler.Full), for the
	// first message to connect, and while another thread sends to the same host. Any goroutine.
	SendData(to wire.HostID, m *wire.Message, body ...[]byte) error

	// Attend has the calling thread read the data that other hosts send, in place of the serving thread, until done
	// returns true: it calls Handler.Data for what comes, looks at done after each turn, and sleeps in between, without
	// the wake-up through a second thread. Whether the handler is full does not matter meanwhile. A lost peer does not end
	// it. One thread at a time.
	Attend(done func() bool) error

	// Recall makes a thread in Attend look at done soon. Any goroutine, also when nobody attends.
	Recall()

	// Accept tells that the handler, which said that it is full, is so no more. Any goroutine, but not from Handler.Data.
	Accept()

	// Feed returns the transport's part in an Attend over several transports.
	Feed() Feed

	// Reaches tells whether pages homed at a host are read and written without that host's processor: by Mailbox.Read and
	// Mailbox.Write. Fixed once the transport is ready.
	Reaches(host wire.HostID) bool

	// Publish tells which pages homed here the program has been given: peers will read and write them. Called under the
	// node's mutex, before the pages are used. What cannot be reached by peers for want of memory or locked memory is not an
	// error: Mailbox.Read says so there.
	Publish(home []Span) error

	// Marked appends to dst the home pages that peers have begun to read by themselves since it last named them, each
	// once. A page is named no later than by the first call that begins
	// after the first of its bytes was read. Called under the node's mutex.
	Marked(dst []wire.PageID) []wire.PageID

	// Close ends all connections and the server. Blocked calls return an error that wraps net.ErrClosed. It may be called
	// again, but not from a Handler. The peers see a loss unless they close, too.
	Close() error
}

// A LockSharer is a Transport that can keep words of locks in memory that all hosts of the job reach.
type LockSharer interface {
	Transport

	// ShareLocks has it do so. Every host is to be a peer of every other by such a transport, and all call it, before the
	// transport is made ready.
	ShareLocks()

	// LockWords returns the words of the locks below a number, and how many notices an offer holds; nil when it has none.
	LockWords() (words core.LockWords, below core.LockID, room int)
}

// A Mailbox is where one thread sends requests from and waits for their answers. It is used by one thread at a time;
// only the hand-over from one to the next needs care (the node keeps a pool of mailboxes).
type Mailbox interface {
	// ID is the mailbox's port, at least 1, unique in its host.
	ID() uint32

	// Send sends a request to the server of another host; body is the payload of a Diff, in pieces, else nil. It may
	// block until the peer's server has read what was sent before. m.Length must be the length of all pieces.
	Send(to wire.HostID, m *wire.Message, body ...[]byte) error

	// Recv waits for the next message to this mailbox from a host, or from whichever host when from is wire.Any. It
	// fills *m, reusing its slices. The payload of a Page goes straight into frames, one for each page that was asked for,
	// all of one size: into those whose bit is set in the message (wire.Message.Carries). A Page is an error when that does
	// not fit. Whatever else comes, parts of frames may become zero. Recv waits as the transport's options say: a short
	// spin, then asleep.
	Recv(from wire.HostID, m *wire.Message, frames [][]byte) error

	// Read copies pages of a host into frames, without that host's processor. Each page is marked at its home, for
	// Transport.Marked, strictly before its first byte is read (rule P15 of docs/protocol.md). ok is false when pages of this host
	// cannot be read so, or these cannot now: then nothing was read, and they are to be asked for by a message.
	Read(from wire.HostID, pages []wire.PageID, frames [][]byte) (ok bool, err error)

	// Write stores the changed bytes of a stream of diff records (core/diff) in the frames of their home, without that host's
	// processor, and returns when every byte is there for all who synchronise with the caller. ok is false as for Read; then some bytes may
	// have been stored, and the stream is to be sent as a Diff.
	Write(to wire.HostID, stream []byte) (ok bool, err error)

	Source
}

// A Source is something that a thread waits for, together with other sources: the next message of a mailbox from any host, or
// data.
type Source interface {
	// Ready tells, without a system call where that can be, whether there is something to receive, or an error to be
	// told.
	Ready() bool

	// Arm prepares for sleep in poll(2): it appends descriptors of which one becomes readable when Ready turns true, also
	// if it did so before Arm returned. Disarm follows after the sleep, before anything else is done with the source.
	Arm(fds []unix.PollFd) []unix.PollFd
	Disarm()
}

// A Feed is where data comes in over one transport, for a thread that attends to several: between Take and Leave it reads
// in place of the serving thread.
type Feed interface {
	Source
	Take() error // not twice
	Turn() error // calls Handler.Data for what has come, and does not wait
	Leave()
}

// A Span is a run of pages.
type Span = core.Span

// A Link joins the barrier threads of two hosts; messages arrive in the order in which they were sent. Send and Recv may
// be called by one goroutine each.
type Link interface {
	Send(m *wire.Message) error
	Recv(m *wire.Message) error
}

// A LostHost is the error of a call that cannot end because a host is gone, wrapped in what the call was doing. The call may
// have been about another host, or about any.
type LostHost struct {
	Host  wire.HostID
	Cause error
}

// Error gives the cause alone: whoever reports it says which host.
func (l *LostHost) Error() string { return l.Cause.Error() }

// Unwrap gives the cause to errors.Is.
func (l *LostHost) Unwrap() error { return l.Cause }

// A Handler is the server side of a host for one transport, called by the transport's one serving thread, one message at a
// time, and for data by the thread that attends instead. It must not block. m and body are valid only during the call.
type Handler interface {
	// Serve acts on a request; body is the payload of a Diff, else nil.
	Serve(m *wire.Message, body []byte)

	// Data takes a Data or Collect message; never two at once.
	Data(m *wire.Message, body []byte)

	// Full tells whether the serving thread should read no more data until it has room, so that senders wait. It may be called by
	// any thread. Once it has said so, Accept must be called when that changes.
	Full() bool

	// Stalled tells that a SendData to a host has to wait, for a connection or for room. It is called by the thread that
	// sends, once or twice before it waits.
	Stalled(to wire.HostID)

	// Lost tells, at most once for each host, that the connections to it broke, outside of Close.
	Lost(host wire.HostID, err error)
}
