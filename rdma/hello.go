package rdma

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
//	connector -> acceptor  hello      who, to whom, nonce: private data of the request to connect
//	acceptor  -> connector challenge  who, nonce: private data of the answer, or of a refusal
//	connector -> acceptor  proof      MAC over hello and challenge: the first segment
//	acceptor  -> connector verdict    status, MAC over hello, challenge and status: the first segment back
//
// The acceptor's MAC comes last, so that a stranger learns nothing that depends on the secret. The MACs are labelled by
// direction and cover both nonces and both host ids: none can be replayed, reflected or used for another pair. What follows
// is in the clear.
const (
	helloNonce     = 24
	challengeNonce = 32
	macSize        = sha256.Size
	helloSize      = 32 + helloNonce // all that a request has room for
	challengeSize  = 24 + challengeNonce
	verdictSize    = 16 + macSize

	helloMagic     = "JIA3rdma"
	challengeMagic = "JIA3here"

	// handshakeVersion changes with this file's messages and with those of open.go, wire.Version with everything after them.
	handshakeVersion = 2
	protocolVersion  = handshakeVersion<<16 | wire.Version
)

// A status is the acceptor's answer.
type status uint32

const (
	accepted     status = iota
	otherVersion        // with the acceptor's version
	otherHost           // the hello was meant for another host id
	busy                // too many handshakes at once, or the job has begun
	otherSecret         // the proof is wrong
	otherJob            // right secret, but another number of hosts or page size, or an impossible host id
	alreadyThere        // a second connection of this host
	unable              // the acceptor could not make what the connection needs
)

// hello is what the connector says about itself.
type hello struct {
	version  uint32
	from, to wire.HostID
	hosts    uint32
	pageSize uint32
}

// encode returns h's bytes with a fresh nonce.
func (h *hello) encode() (b [helloSize]byte) {
	le := binary.LittleEndian
	copy(b[:], helloMagic)
	for i, v := range []uint32{h.version, uint32(h.from), uint32(h.to), h.hosts, h.pageSize} {
		le.PutUint32(b[8+4*i:], v)
	}
	rand.Read(b[helloSize-helloNonce:])
	return b
}

var errNotHello = errors.New("not a hello")

// decode reads a hello from private data, which may be longer.
func (h *hello) decode(b []byte) error {
	if len(b) < helloSize || string(b[:8]) != helloMagic {
		return errNotHello
	}
	le := binary.LittleEndian
	*h = hello{
		version: le.Uint32(b[8:]), from: wire.HostID(le.Uint32(b[12:])), to: wire.HostID(le.Uint32(b[16:])),
		hosts: le.Uint32(b[20:]), pageSize: le.Uint32(b[24:]),
	}
	return nil
}

// encodeChallenge returns the acceptor's answer with a fresh nonce.
func encodeChallenge(s status, self wire.HostID) (b [challengeSize]byte) {
	le := binary.LittleEndian
	copy(b[:], challengeMagic)
	le.PutUint32(b[8:], protocolVersion)
	le.PutUint32(b[12:], uint32(s))
	le.PutUint32(b[16:], uint32(self))
	rand.Read(b[challengeSize-challengeNonce:])
	return b
}

// encodeVerdict returns the acceptor's last message. A nil mac is that of a host which will not prove itself.
func encodeVerdict(s status, mac []byte) (b [verdictSize]byte) {
	copy(b[:], challengeMagic)
	binary.LittleEndian.PutUint32(b[8:], protocolVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(s))
	copy(b[verdictSize-macSize:], mac)
	return b
}

// proof is the connector's MAC.
func proof(secret []byte, h *[helloSize]byte, c *[challengeSize]byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA RDMA connector"))
	mac.Write(h[:])
	mac.Write(c[:])
	return mac.Sum(nil)
}

// counterproof is the acceptor's MAC.
func counterproof(secret []byte, h *[helloSize]byte, c *[challengeSize]byte, s status) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA RDMA acceptor"))
	mac.Write(h[:])
	mac.Write(c[:])
	mac.Write(binary.LittleEndian.AppendUint32(nil, uint32(s)))
	return mac.Sum(nil)
}

// What can be wrong with the other end, each with its likely remedy. Errors of Try wrap one of them.
var (
	ErrStranger = errors.New("the listener there is not a JIAJIA host [is the port taken by another program?]")
	ErrVersion  = errors.New("the host there speaks another protocol version [run the same build on all hosts]")
	ErrIdentity = errors.New("the host there has another id [check the list of addresses]")
	ErrSecret   = errors.New("the host there has another secret [it belongs to another job, or was started with another secret]")
	ErrJob      = errors.New("the host there runs a job of other shape [give all hosts the same number of hosts and page size]")
	ErrTwice    = errors.New("the host there has this connection already [are two processes running with one host id?]")
	ErrBusy     = errors.New("the host there takes no more connections")
	ErrUnable   = errors.New("the host there could not make a queue pair [see its messages; does it lack locked memory?]")
)

// readChallenge checks the acceptor's answer, which may be longer.
func readChallenge(b []byte, want wire.HostID) (c [challengeSize]byte, err error) {
	if len(b) < challengeSize || string(b[:8]) != challengeMagic {
		return c, ErrStranger
	}
	le := binary.LittleEndian
	if v := le.Uint32(b[8:]); v != protocolVersion {
		return c, fmt.Errorf("version %d.%d, not %d.%d: %w", v>>16, v&0xffff, protocolVersion>>16, protocolVersion&0xffff, ErrVersion)
	}
	if err := status(le.Uint32(b[12:])).err(); err != nil {
		return c, err
	}
	if id := wire.HostID(le.Uint32(b[16:])); id != want {
		return c, fmt.Errorf("host %d: %w", id, ErrIdentity)
	}
	copy(c[:], b)
	return c, nil
}

// readVerdict checks the acceptor's last message.
func readVerdict(b []byte, secret []byte, h *[helloSize]byte, c *[challengeSize]byte) error {
	if len(b) != verdictSize || string(b[:8]) != challengeMagic {
		return ErrStranger
	}
	s := status(binary.LittleEndian.Uint32(b[12:]))
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
		return ErrBusy
	case otherSecret:
		return ErrSecret
	case otherJob:
		return ErrJob
	case alreadyThere:
		return ErrTwice
	case unable:
		return ErrUnable
	}
	return fmt.Errorf("status %d: %w", uint32(s), ErrStranger)
}
