package rdma

import (
	"encoding/binary"
	"fmt"

	"jiajia/core/wire"
)

// A purpose says what a queue pair is for.
type purpose uint32

const (
	forMailbox  purpose = iota + 1 // requests to the other host's loop, answers to the mailbox
	forLink                        // rendezvous, read by application threads at both ends
	forData                        // messages of jia_send and of collective calls, from who asks
	forPages                       // reads and writes of the other host's memory by a mailbox
	lastPurpose = forPages
)

func (p purpose) String() string {
	return [...]string{"no purpose", "mailbox", "barrier link", "data", "pages"}[min(p, lastPurpose)]
}

// An invitation travels over a service connection, between messages: a host asks the other one for a queue pair to join one of its own,
// and the other one answers. In the answer, purpose and mailbox are 0.
type invitation struct {
	purpose purpose
	mailbox uint32
	token   uint32 // of who asks
	number  uint32 // of the queue pair
	psn     uint32 // its first packet number
	status  status // of the answer
}

const (
	invitationMagic = "JIAq"
	invitationSize  = 28
)

func (i *invitation) encode() (b [invitationSize]byte) {
	le := binary.LittleEndian
	copy(b[:], invitationMagic)
	for k, v := range []uint32{uint32(i.purpose), i.mailbox, i.token, i.number, i.psn, uint32(i.status)} {
		le.PutUint32(b[4+4*k:], v)
	}
	return b
}

// isInvitation tells whether a segment that begins a message is none.
func isInvitation(b []byte) bool { return len(b) >= 4 && string(b[:4]) == invitationMagic }

func (i *invitation) decode(b []byte) error {
	if len(b) != invitationSize {
		return fmt.Errorf("invitation of %d bytes: %w", len(b), wire.ErrTooShort)
	}
	le := binary.LittleEndian
	*i = invitation{
		purpose: purpose(le.Uint32(b[4:])), mailbox: le.Uint32(b[8:]), token: le.Uint32(b[12:]),
		number: le.Uint32(b[16:]), psn: le.Uint32(b[20:]), status: status(le.Uint32(b[24:])),
	}
	if i.purpose > lastPurpose || i.number>>24 != 0 || i.psn>>24 != 0 || i.status > unable || (i.purpose == forMailbox || i.purpose == forPages) != (i.mailbox != 0) {
		return fmt.Errorf("invitation %+v: %w", *i, wire.ErrField)
	}
	return nil
}
