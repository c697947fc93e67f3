//go:build rdma

package rdma

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// muteTime is after what time in ticks without an answer to a probe a peer is given up, whatever the devices make of it: they may wait four
// times as long for each acknowledgement as a queue pair says (InfiniBand Architecture Specification, volume 1, section 9.7.6), and some
// never wait less than half a second. In ticks, so that a machine that was itself stopped finds the answers first.
const muteTime = 6 * tickTime

// A join is a service connection, from the handshake on. It has a receive queue of its own, in a protection domain apart: a stranger has
// no part in what the peers share, and as the connection manager permits remote access on its queue pair from the beginning, keys that
// open memory to peers are worth nothing there. The loop reads it.
type join struct {
	*receiver
	p         *peer
	id        *verbs.ID
	c         *conn
	connector bool
	reads     int // RDMA READs and atomics at once that both ends can do
	hello     [helloSize]byte
	challenge [challengeSize]byte
	mute      int         // ticks since the probe that has no answer; of the loop's thread alone
	until     time.Time   // a guest's, to prove itself
	joined    atomic.Bool // the handshake is over
	result    chan error  // of the connector's handshake; room for one
	gone      bool        // dropped; of the loop's thread alone
	left      bool        // the peer has ended the connection while this host closes its own; of Close alone
}

// newJoin makes our end of a connection with p.
func (t *Transport) newJoin(p *peer, id *verbs.ID) (*join, error) {
	j := &join{p: p, id: id, result: make(chan error, 1)}
	var err error
	if j.receiver, err = t.newReceiver(t.loop.ch, j, 1, false); err != nil {
		return nil, err
	}
	if j.c, err = j.connect(p, id); err != nil {
		return nil, errors.Join(err, j.free())
	}
	j.c.left, j.c.join = dataCredits, j
	j.c.asm = assembly{from: p.id, allowed: wire.Posts}
	if err := id.SetTimeout(); err != nil {
		return nil, errors.Join(err, j.free())
	}
	return j, nil
}

// completed implements source.
func (j *join) completed() {
	for range 2 {
		for !j.gone && j.poll(j.take) > 0 {
		}
		if j.gone {
			return
		}
		if err := j.cq.Notify(); err != nil {
			j.t.failed(err)
		}
	}
}

func (j *join) take(c *conn, s seg) {
	switch {
	case j.gone:
	case j.joined.Load():
		j.t.serve(c, s)
	case j.connector:
		verdict := bytes.Clone(s.b)
		c.used(s)
		err := readVerdict(verdict, j.t.o.Secret, &j.hello, &j.challenge)
		if err == nil {
			err = j.settle()
		}
		j.conclude(err)
	default:
		j.prove(s)
	}
}

// conclude tells the connector how the handshake ended.
func (j *join) conclude(err error) {
	select {
	case j.result <- err:
	default:
	}
}

// prove is the acceptor's side of the proof.
func (j *join) prove(s seg) {
	t := j.t
	st := otherSecret
	var h hello
	if hmac.Equal(s.b, proof(t.o.Secret, &j.hello, &j.challenge)) {
		st = accepted
		switch err := h.decode(j.hello[:]); {
		case err != nil || int(h.hosts) != t.o.Hosts || int(h.pageSize) != t.o.PageSize || h.from <= t.o.Self:
			st = otherJob
		case j.p.join != nil || j.p.lost():
			st = alreadyThere
		case t.door.shut:
			st = busy
		}
	}
	j.c.used(s)
	var mac []byte
	if st != otherSecret {
		mac = counterproof(t.o.Secret, &j.hello, &j.challenge, st)
	}
	v := encodeVerdict(st, mac)
	err := j.c.sendRaw(v[:])
	if err == nil {
		err = st.err()
	}
	if err == nil {
		err = j.settle()
	}
	if err != nil {
		t.o.Log.Debugf("refused an RDMA connection that says it is host %d's: %v", j.p.id, err)
		// The verdict is on its way; the guest's time, or its end, ends the connection.
		j.until = time.Now()
	}
}

// settle makes this the service connection of its peer.
func (j *join) settle() error {
	if j.p.join != nil {
		return ErrTwice
	}
	j.p.join, j.p.service = j, j.c
	j.joined.Store(true)
	close(j.p.joined)
	j.t.o.Log.Debugf("RDMA connection with host %d over %s", j.p.id, j.id.Device())
	return nil
}

// failed acts on the end of a handshake, or of the connection.
func (j *join) failed(err error) {
	if j.connector {
		j.conclude(err)
		return
	}
	j.t.loop.do(func() {
		if !j.joined.Load() {
			j.drop()
		}
	})
}

// tick drops a guest that has not proved in time what it is, and probes a peer.
func (j *join) tick() {
	switch {
	case !j.joined.Load():
		if !j.connector && time.Now().After(j.until) {
			j.drop()
		}
	case !j.p.lost():
		var err error
		if j.mute++; j.c.answered() {
			j.mute = 0
			err = j.probe()
		} else if j.mute == int(muteTime/j.t.tickTime()) {
			err = unix.ETIMEDOUT
		}
		if err == nil {
			err = j.c.arm() // what becomes of the probe is told
		}
		if err != nil {
			j.t.broken(j.p, err)
		}
	}
}

// probe asks the device at the other end for a sign of life, and of what its host does where hosts beat.
func (j *join) probe() error {
	if j.t.o.PeerTimeout == 0 || !j.t.serving.Load() { // before that, where it beats is not known
		return j.c.probe(true)
	}
	j.t.beats.look(j.p)
	return j.t.beats.ask(j.p)
}

// drop ends the connection. Loop's thread, or after that has ended.
func (j *join) drop() {
	if j.gone {
		return
	}
	j.gone = true
	delete(j.t.joins, j.id.Handle())
	if err := j.end(); err != nil {
		j.t.o.Log.Debugf("end the RDMA connection with host %d: %v", j.p.id, err)
	}
}

// end frees everything; the peer is told.
func (j *join) end() error {
	j.id.Disconnect() // it fails when there is no connection yet, or no more
	return errors.Join(j.free(), j.id.Free())
}
