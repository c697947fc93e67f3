package wire

import "fmt"

// A Set is a set of message types: what may travel where.
type Set uint64

func setOf(types ...Type) (s Set) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// What may travel where, over every transport. Both ends check it.
var (
	Requests = setOf(GetPage, Diff, LockReq, LockFwd, CVSet, CVReset, CVWait, Claim, PoolAsk, Atomic, RWAsk, RWDone)     // from a mailbox to a server
	Answers  = setOf(Page, DiffAck, LockGrant, CVDone, Claimed, HomeIs, PoolGive, AtomicDone, LockBusy, RWGrant, RWDone) // to a mailbox
	OverLink = setOf(BarArrive, BarRelease, Stats)
	AsData   = setOf(Data, Collect)
	Posts    = ^(setOf(Page, Diff) | AsData) // from server to server
)

// Check tells what is wrong with a message that comes, or goes, where s may: its type, or that it does not name its true
// sender.
func (s Set) Check(m *Message, from HostID) error {
	if s>>m.Type&1 == 0 {
		return fmt.Errorf("%v: type %d does not belong on this connection: %w", m.Type, uint8(m.Type), ErrField)
	}
	if m.From != from {
		return fmt.Errorf("%v: sender %d on a connection of host %d: %w", m.Type, m.From, from, ErrField)
	}
	return nil
}

// Bytes returns the length of all pieces of a payload.
func Bytes(body [][]byte) (n uint64) {
	for _, p := range body {
		n += uint64(len(p))
	}
	return n
}

// CheckPost tells what keeps host self from posting m.
func CheckPost(m *Message, self HostID) error {
	if err := Posts.Check(m, self); err != nil {
		return err
	}
	if n := PayloadLen(m); n > MaxDiff {
		return fmt.Errorf("%d payload bytes for a server: %w", n, ErrField)
	}
	return nil
}

// CheckRequest tells what keeps host self from sending m with this payload from a mailbox.
func CheckRequest(m *Message, self HostID, body [][]byte) error {
	if err := Requests.Check(m, self); err != nil {
		return err
	}
	if m.Port != Server {
		return fmt.Errorf("port %d is not a server's: %w", m.Port, ErrField)
	}
	sum := Bytes(body)
	if m.Type == Diff && (sum != m.Length || sum > MaxDiff) || m.Type != Diff && sum != 0 {
		return fmt.Errorf("%d payload bytes where %d were announced: %w", sum, m.Length, ErrField)
	}
	return nil
}

// CheckReply sets m.Length to the length of the payload, and tells what keeps host self from replying m.
func CheckReply(m *Message, self HostID, body [][]byte) error {
	if err := Answers.Check(m, self); err != nil {
		return err
	}
	m.Length = Bytes(body)
	if m.Type != Page && m.Length > 0 {
		return fmt.Errorf("%d payload bytes: %w", m.Length, ErrField)
	}
	return nil
}

// CheckData tells what keeps host self from sending m with this payload as data.
func CheckData(m *Message, self HostID, body [][]byte) error {
	if err := AsData.Check(m, self); err != nil {
		return err
	}
	if sum := Bytes(body); sum != m.Length || sum > MaxData || m.Port != Server {
		return fmt.Errorf("%d payload bytes where %d were announced, for port %d: %w", sum, m.Length, m.Port, ErrField)
	}
	return nil
}
