package epoll

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"jiajia/core/wire"
)

// Two hosts prove to each other that they know the job's secret before either looks at anything else:
//
//	connector -> acceptor  hello      who, to whom, for what, nonce
//	acceptor  -> connector challenge  who, nonce
//	connector -> acceptor  proof      MAC over hello and challenge
//	acceptor  -> connector verdict    status, MAC over hello, challenge and status
//
// All four have a fixed size. A stranger learns nothing that depends on the secret, as the acceptor's MAC comes last.
// The MACs are labelled by direction and cover both nonces, both host ids, the connection's kind and the mailbox, so
// that none can be replayed, reflected or used for another connection. What follows the handshake is in the clear: it
// protects a job from strangers and from other jobs, not from somebody who can alter packets.
const (
	nonceSize     = 32
	macSize       = sha256.Size
	helloSize     = 40 + nonceSize
	challengeSize = 32 + nonceSize
	proofSize     = macSize
	verdictSize   = 32 + macSize

	helloMagic     = "JIA3join"
	challengeMagic = "JIA3here"

	// handshakeVersion changes with the layout of this file's messages, wire.Version with everything after them. Magic
	// and version keep their places for ever.
	handshakeVersion = 2
	protocolVersion  = handshakeVersion<<16 | wire.Version
)

// A purpose says what a connection is for.
type purpose uint32

const (
	forService purpose = iota + 1 // Post in both directions; read by both loops
	forMailbox                    // requests to the acceptor's loop, answers to the connector's mailbox
	forLink                       // rendezvous, read by application threads at both ends
	forWatch                      // nothing; its end is that of the peer
	forData                       // messages of jia_send and of collective calls, in both directions
)

func (p purpose) String() string {
	switch p {
	case forService:
		return "service connection"
	case forMailbox:
		return "mailbox connection"
	case forLink:
		return "barrier link"
	case forWatch:
		return "watch connection"
	case forData:
		return "data connection"
	}
	return fmt.Sprintf("purpose %d", uint32(p))
}

// A status is the acceptor's answer.
type status uint32

const (
	accepted        status = iota
	otherVersion           // with the acceptor's version
	otherHost              // the hello was meant for another host id
	busy                   // too many handshakes at once: come again
	otherSecret            // the proof is wrong
	otherJob               // right secret, but another number of hosts or page size, or an impossible host id
	alreadyThere           // a second connection for the same purpose
	lastStatus      = alreadyThere
	statusOffset    = 12
	challengeHostAt = 16
)

// hello is what the connector says about itself.
type hello struct {
	version  uint32
	purpose  purpose
	from, to wire.HostID
	mailbox  uint32 // port of the mailbox, else 0
	hosts    uint32 // number of hosts of the job
	pageSize uint32 // bytes
}

// encode returns h's bytes with a fresh nonce.
func (h *hello) encode() (b [helloSize]byte) {
	le := binary.LittleEndian
	copy(b[:], helloMagic)
	for i, v := range []uint32{h.version, uint32(h.purpose), uint32(h.from), uint32(h.to), h.mailbox, h.hosts, h.pageSize} {
		le.PutUint32(b[8+4*i:], v)
	}
	rand.Read(b[helloSize-nonceSize:])
	return b
}

var errNotHello = errors.New("not a hello")

func (h *hello) decode(b *[helloSize]byte) error {
	if string(b[:8]) != helloMagic {
		return errNotHello
	}
	le := binary.LittleEndian
	*h = hello{
		version:  le.Uint32(b[8:]),
		purpose:  purpose(le.Uint32(b[12:])),
		from:     wire.HostID(le.Uint32(b[16:])),
		to:       wire.HostID(le.Uint32(b[20:])),
		mailbox:  le.Uint32(b[24:]),
		hosts:    le.Uint32(b[28:]),
		pageSize: le.Uint32(b[32:]),
	}
	return nil
}

// encodeChallenge returns the acceptor's first message, with a fresh nonce.
func encodeChallenge(s status, self wire.HostID) (b [challengeSize]byte) {
	le := binary.LittleEndian
	copy(b[:], challengeMagic)
	le.PutUint32(b[8:], protocolVersion)
	le.PutUint32(b[statusOffset:], uint32(s))
	le.PutUint32(b[challengeHostAt:], uint32(self))
	rand.Read(b[challengeSize-nonceSize:])
	return b
}

// encodeVerdict returns the acceptor's last message. A nil mac is that of a host which cannot or will not prove itself.
func encodeVerdict(s status, mac []byte) (b [verdictSize]byte) {
	copy(b[:], challengeMagic)
	binary.LittleEndian.PutUint32(b[8:], protocolVersion)
	binary.LittleEndian.PutUint32(b[statusOffset:], uint32(s))
	copy(b[verdictSize-macSize:], mac)
	return b
}

// proof is the connector's MAC.
func proof(secret []byte, h *[helloSize]byte, c *[challengeSize]byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA connector"))
	mac.Write(h[:])
	mac.Write(c[:])
	return mac.Sum(nil)
}

// counterproof is the acceptor's MAC.
func counterproof(secret []byte, h *[helloSize]byte, c *[challengeSize]byte, s status) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA acceptor"))
	mac.Write(h[:])
	mac.Write(c[:])
	mac.Write(binary.LittleEndian.AppendUint32(nil, uint32(s)))
	return mac.Sum(nil)
}

// What can be wrong with the other end of a connection, each with its likely remedy. Errors of Start, OpenMailbox and
// OpenLink wrap one of them.
var (
	ErrStranger = errors.New("the listener there is not a JIAJIA host [is the port taken by another program?]")
	ErrVersion  = errors.New("the host there speaks another protocol version [run the same build on all hosts]")
	ErrIdentity = errors.New("the host there has another id [check the list of addresses]")
	ErrSecret   = errors.New("the host there has another secret [it belongs to another job, or was started with another secret]")
	ErrJob      = errors.New("the host there runs a job of other shape [give all hosts the same number of hosts and page size]")
	ErrTwice    = errors.New("the host there has this connection already [are two processes running with one host id?]")
	errBusy     = errors.New("the host there has too many handshakes at once")
)

// readChallenge checks the acceptor's first message.
func readChallenge(b *[challengeSize]byte, want wire.HostID) error {
	le := binary.LittleEndian
	if string(b[:8]) != challengeMagic {
		return ErrStranger
	}
	if v := le.Uint32(b[8:]); v != protocolVersion {
		return fmt.Errorf("version %d.%d, not %d.%d: %w", v>>16, v&0xffff, protocolVersion>>16, protocolVersion&0xffff, ErrVersion)
	}
	if err := status(le.Uint32(b[statusOffset:])).err(); err != nil {
		return err
	}
	if id := wire.HostID(le.Uint32(b[challengeHostAt:])); id != want {
		return fmt.Errorf("host %d: %w", id, ErrIdentity)
	}
	return nil
}

// readVerdict checks the acceptor's last message.
func readVerdict(b *[verdictSize]byte, secret []byte, h *[helloSize]byte, c *[challengeSize]byte) error {
	if string(b[:8]) != challengeMagic {
		return ErrStranger
	}
	s := status(binary.LittleEndian.Uint32(b[statusOffset:]))
	if err := s.err(); err != nil {
		return err // whoever can forge a refusal can also cut the connection
	}
	if !hmac.Equal(b[verdictSize-macSize:], counterproof(secret, h, c, s)) {
		return ErrSecret
	}
	return nil
}

func (s status) err() error {
	switch s {
	case accepted:
		return nil
	case otherVersion:
		return ErrVersion
	case otherHost:
		return ErrIdentity
	case busy:
		return errBusy
	case otherSecret:
		return ErrSecret
	case otherJob:
		return ErrJob
	case alreadyThere:
		return ErrTwice
	}
	return fmt.Errorf("status %d: %w", uint32(s), ErrStranger)
}
