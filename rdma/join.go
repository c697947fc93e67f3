//go:build rdma

package rdma

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

// A join is a service connection, from the handshake on. It has a receive queue of its own: a stranger has no part in what the
// peers share. The loop reads it.
type join struct {
	*receiver
	p         *peer
	id        *verbs.ID
	c         *conn
	connector bool
	hello     [helloSize]byte
	challenge [challengeSize]byte
	until     time.Time   // a guest's, to prove itself
	joined    atomic.Bool // the handshake is over
	result    chan error  // of the connector's handshake; room for one
	gone      bool        // dropped; of the loop's thread alone
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
	j.c.asm = assembly{from: p.id, allowed: posted}
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
		if err := j.c.probe(true); err != nil {
			j.t.broken(j.p, err)
			return
		}
		j.c.completed()
	}
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

// connectTo makes the connection with a host of a lower id, whose card is an address.
func (t *Transport) connectTo(p *peer, card string, deadline time.Time) error {
	to, err := netip.ParseAddrPort(card)
	if err != nil {
		return fmt.Errorf("its RDMA address %q: %w", card, err)
	}
	ch, err := verbs.NewEventChannel()
	if err != nil {
		return err
	}
	defer ch.Free()
	id, err := ch.NewID()
	if err != nil {
		return err
	}
	w := waitFor{t, ch, deadline}
	if err := w.resolve(id, to); err != nil {
		id.Free()
		return fmt.Errorf("no RDMA path from %s to %s: %w [are both in one network? does that host's device work? see: rping]", t.card, card, err)
	}
	j, err := t.newJoin(p, id)
	if err != nil {
		id.Free()
		return err
	}
	j.connector = true
	t.loop.call(func() { t.joins[id.Handle()] = j })
	err = w.shakeHands(j)
	if err == nil {
		err = id.Migrate(t.door.ch)
	}
	if err != nil {
		t.loop.call(j.drop)
		return fmt.Errorf("RDMA connection from %s to %s: %w", t.card, card, err)
	}
	return nil
}

// waitFor waits for events of a connection in the making.
type waitFor struct {
	t        *Transport
	ch       *verbs.EventChannel
	deadline time.Time
}

func (w *waitFor) event(want verbs.EventType) (*verbs.Event, error) {
	for {
		e, err := w.ch.Next()
		switch {
		case err == unix.EAGAIN:
			left := time.Until(w.deadline)
			if left <= 0 {
				return nil, fmt.Errorf("no answer within %v: %w", connectTime, unix.ETIMEDOUT)
			}
			if w.t.closed.Load() {
				return nil, unix.ECANCELED
			}
			// In short steps, so that Close need not wait for long.
			fds := []unix.PollFd{{Fd: int32(w.ch.FD), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, int(min(left, 100*time.Millisecond).Milliseconds())+1); err != nil && err != unix.EINTR {
				return nil, err
			}
		case err != nil:
			return nil, err
		case e.Type == want:
			return e, nil
		case e.Type == verbs.Rejected:
			if len(e.Data) >= challengeSize {
				if _, err := readChallenge(e.Data, -1); err != nil && !errors.Is(err, ErrStranger) && !errors.Is(err, ErrIdentity) {
					return nil, err
				}
			}
			return nil, fmt.Errorf("refused (reason %d): %w [did that host end early?]", e.Status, unix.ECONNREFUSED)
		case e.Status < 0:
			return nil, fmt.Errorf("%v: %w", e.Type, unix.Errno(-e.Status))
		default:
			return nil, fmt.Errorf("%v, status %d", e.Type, e.Status)
		}
	}
}

func (w *waitFor) resolve(id *verbs.ID, to netip.AddrPort) error {
	ms := func() int { return max(1, int(time.Until(w.deadline).Milliseconds())/2) }
	if err := id.ResolveAddress(netip.AddrPortFrom(w.t.door.addr.Addr(), 0), to, ms()); err != nil {
		return err
	}
	if _, err := w.event(verbs.AddressResolved); err != nil {
		return err
	}
	if err := id.ResolveRoute(ms()); err != nil {
		return err
	}
	_, err := w.event(verbs.RouteResolved)
	return err
}

// shakeHands is the connector's side of the handshake.
func (w *waitFor) shakeHands(j *join) error {
	t := w.t
	h := hello{version: protocolVersion, from: t.o.Self, to: j.p.id, hosts: uint32(t.o.Hosts), pageSize: uint32(t.o.PageSize)}
	j.hello = h.encode()
	if err := j.id.Connect(j.hello[:], t.reads); err != nil {
		return err
	}
	e, err := w.event(verbs.Established)
	if err != nil {
		return err
	}
	if j.challenge, err = readChallenge(e.Data, j.p.id); err != nil {
		return err
	}
	if err := j.c.sendRaw(proof(t.o.Secret, &j.hello, &j.challenge)); err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(w.deadline))
	defer timer.Stop()
	select {
	case err := <-j.result:
		return err
	case <-t.stopped:
		return unix.ECANCELED
	case <-timer.C:
		return fmt.Errorf("no verdict within %v: %w", connectTime, unix.ETIMEDOUT)
	}
}

// A door takes requests of others to connect.
type door struct {
	t    *Transport
	ch   *verbs.EventChannel
	id   *verbs.ID // listener; nil once closed
	addr netip.AddrPort
	shut bool
}

const guestTime = 3 * time.Second

// events acts on what the connection manager has to tell. Loop's thread.
func (d *door) events() {
	for {
		e, err := d.ch.Next()
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			d.t.failed(err)
			return
		}
		j := d.t.joins[e.On]
		switch {
		case e.Type == verbs.Requested:
			d.admit(e)
		case e.Type == verbs.DeviceRemoved:
			for _, p := range d.t.peers {
				if p != nil && p.join != nil {
					d.t.broken(p, errors.New("the RDMA device was removed"))
				}
			}
		case j == nil || e.Type == verbs.Established || e.Type == verbs.TimeWaitOver || e.Type == verbs.AddressChanged:
		case j.joined.Load() && e.Type == verbs.Disconnected:
			d.t.broken(j.p, errHungUp)
		case j.joined.Load():
			d.t.broken(j.p, fmt.Errorf("%v, status %d", e.Type, e.Status))
		default:
			j.failed(fmt.Errorf("%v, status %d", e.Type, e.Status))
		}
	}
}

// admit answers a request.
func (d *door) admit(e *verbs.Event) {
	t := d.t
	var h hello
	st := accepted
	guests := 0
	for _, j := range t.joins {
		if !j.joined.Load() {
			guests++
		}
	}
	switch err := h.decode(e.Data); {
	case err != nil:
		e.New.Reject(nil)
		e.New.Free()
		return
	case h.version != protocolVersion:
		st = otherVersion
	case h.to != t.o.Self:
		st = otherHost
	case d.shut || guests > 2*t.o.Hosts+16:
		st = busy
	case h.from <= t.o.Self || int(h.from) >= len(t.peers) || t.peers[h.from] == nil:
		st = otherJob
	}
	challenge := encodeChallenge(st, t.o.Self)
	if st == accepted {
		err := d.accept(e.New, t.peers[h.from], e.Data[:helloSize], challenge)
		if err == nil {
			return
		}
		t.o.Log.Warnf("cannot accept the RDMA connection of host %d: %v", h.from, err)
		challenge = encodeChallenge(unable, t.o.Self)
	}
	e.New.Reject(challenge[:])
	e.New.Free()
}

func (d *door) accept(id *verbs.ID, p *peer, hello []byte, challenge [challengeSize]byte) error {
	j, err := d.t.newJoin(p, id)
	if err != nil {
		return err
	}
	copy(j.hello[:], hello)
	j.challenge, j.until = challenge, time.Now().Add(guestTime)
	if err := id.Accept(challenge[:], d.t.reads); err != nil {
		return errors.Join(err, j.free())
	}
	d.t.joins[id.Handle()] = j
	return nil
}

// close takes no more requests. Loop's thread, or after it has ended.
func (d *door) close() {
	d.shut = true
	if d.id != nil {
		d.id.Free()
		d.id = nil
	}
	for _, j := range d.t.joins {
		if !j.joined.Load() && !j.connector {
			j.drop()
		}
	}
}
