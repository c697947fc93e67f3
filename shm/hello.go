package shm

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

// Two hosts that meet prove to each other that they know the job's secret before either passes a descriptor:
//
//	connector -> acceptor  hello      who, to whom, which job, nonce
//	acceptor  -> connector challenge  status, nonce
//	connector -> acceptor  proof      MAC over hello and challenge
//	acceptor  -> connector verdict    status, MAC over hello, challenge and status
//	connector -> acceptor  gift       size of its memory; descriptors
//	acceptor  -> connector gift       the same
//	connector -> acceptor  done       everything is mapped
//
// The kernel says which user the other end runs as, and one of another user is not talked to at all. The MACs are labelled by
// direction and cover both nonces, so that none can be replayed or reflected.
const (
	helloMagic     = "JIA3near"
	challengeMagic = "JIA3here"
	giftMagic      = "JIA3gift"
	doneMagic      = "JIA3done"

	magicSize     = 8
	nonceSize     = 32
	macSize       = sha256.Size
	helloSize     = magicSize + 5*4 + nonceSize
	challengeSize = magicSize + 2*4 + nonceSize
	proofSize     = macSize
	verdictSize   = 4 + macSize
	giftSize      = magicSize + 8

	// handshakeVersion changes with this file's messages and with the layout of shared memory, wire.Version with the messages in
	// it.
	handshakeVersion = 1
	protocolVersion  = handshakeVersion<<16 | wire.Version
)

// A status is the acceptor's answer.
type status uint32

const (
	accepted     status = iota
	otherVersion        // of the protocol
	otherHost           // the hello was meant for another host id
	otherSecret         // the proof is wrong
	otherJob            // right secret, but another number of hosts or page size, or an impossible host id
	alreadyThere        // a second process with the same host id
)

var refusals = [...]error{
	otherVersion: errors.New("it speaks another version of the protocol [run the same build on all hosts]"),
	otherHost:    errors.New("the process there has another host id"),
	otherSecret:  errors.New("it has another secret [it belongs to another job, or was started with another secret]"),
	otherJob:     errors.New("it runs a job of other shape [give all hosts the same number of hosts and page size]"),
	alreadyThere: errors.New("it has this connection already [are two processes running with one host id?]"),
}

var errNoHost = errors.New("what it sends is no handshake of this library")

// err returns what is wrong, or nil.
func (s status) err() error {
	if int(s) >= len(refusals) {
		return errNoHost
	}
	return refusals[s]
}

// hello is what the connector says about itself.
type hello struct {
	from, to        wire.HostID
	hosts, pageSize uint32
}

func (h hello) encode() []byte {
	b := []byte(helloMagic)
	for _, v := range []uint32{protocolVersion, uint32(h.from), uint32(h.to), h.hosts, h.pageSize} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, nonce()...)
}

// decodeHello returns what a connector says, and whether it speaks this version.
func decodeHello(b []byte) (h hello, s status, err error) {
	if len(b) != helloSize || string(b[:magicSize]) != helloMagic {
		return hello{}, 0, errNoHost
	}
	le := binary.LittleEndian
	if le.Uint32(b[magicSize:]) != protocolVersion {
		return hello{}, otherVersion, nil
	}
	b = b[magicSize+4:]
	return hello{wire.HostID(le.Uint32(b)), wire.HostID(le.Uint32(b[4:])), le.Uint32(b[8:]), le.Uint32(b[12:])}, accepted, nil
}

func encodeChallenge(s status) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(challengeMagic), protocolVersion)
	return append(binary.LittleEndian.AppendUint32(b, uint32(s)), nonce()...)
}

func decodeChallenge(b []byte) error {
	if len(b) != challengeSize || string(b[:magicSize]) != challengeMagic {
		return errNoHost
	}
	if v := binary.LittleEndian.Uint32(b[magicSize:]); v != protocolVersion {
		return fmt.Errorf("version %d.%d, not %d.%d: %w", v>>16, v&0xffff, protocolVersion>>16, protocolVersion&0xffff, refusals[otherVersion])
	}
	return status(binary.LittleEndian.Uint32(b[magicSize+4:])).err()
}

func encodeVerdict(s status, mac []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(s)), mac...)
}

func nonce() []byte {
	b := make([]byte, nonceSize)
	rand.Read(b)
	return b
}

// proof is the connector's MAC.
func proof(secret, hello, challenge []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA shm connector"))
	mac.Write(hello)
	mac.Write(challenge)
	return mac.Sum(nil)
}

// counterproof is the acceptor's MAC.
func counterproof(secret, hello, challenge []byte, s status) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("JIAJIA shm acceptor"))
	mac.Write(hello)
	mac.Write(challenge)
	mac.Write(binary.LittleEndian.AppendUint32(nil, uint32(s)))
	return mac.Sum(nil)
}

// sameUser checks that the process at the other end runs as this one's user.
func sameUser(conn *net.UnixConn, uid int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	switch {
	case err != nil:
		return err
	case failed != nil:
		return fmt.Errorf("tell the user of the other end: %w", failed)
	case int(cred.Uid) != uid:
		return fmt.Errorf("it runs as user %d, this host as user %d", cred.Uid, uid)
	}
	return nil
}
