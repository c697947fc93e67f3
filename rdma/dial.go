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

// How long hosts wait for each other in Try: who connects, and who is connected to, which may have called a little earlier.
const (
	connectTime = 4 * time.Second
	joinTime    = 6 * time.Second
	openTime    = 10 * time.Second // for a further queue pair
)

// connectTo makes the connection with a host of a lower id.
func (t *Transport) connectTo(p *peer, to netip.AddrPort, deadline time.Time) error {
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
		return fmt.Errorf("no RDMA path from %s to %v: %w [are both in one network? does that host's device work? see: rping]", t.card, to, err)
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
		return fmt.Errorf("RDMA connection from %s to %v: %w", t.card, to, err)
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
			if _, err := readChallenge(e.Data, -1); !errors.Is(err, ErrStranger) {
				return nil, err // the other host's own refusal, never accepted
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
	j.reads = t.readsWith(e)
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
