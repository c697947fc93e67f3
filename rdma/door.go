//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

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
		err := d.accept(e, t.peers[h.from], challenge)
		if err == nil {
			return
		}
		t.o.Log.Warnf("cannot accept the RDMA connection of host %d: %v", h.from, err)
		challenge = encodeChallenge(unable, t.o.Self)
	}
	e.New.Reject(challenge[:])
	e.New.Free()
}

func (d *door) accept(e *verbs.Event, p *peer, challenge [challengeSize]byte) error {
	id := e.New
	j, err := d.t.newJoin(p, id)
	if err != nil {
		return err
	}
	copy(j.hello[:], e.Data)
	j.reads = d.t.readsWith(e)
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
