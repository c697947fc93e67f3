//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// Card opens the transport and returns where others can connect to it and find its memory, or why there is none. Once.
func (t *Transport) Card() (text, why string) {
	if err := t.openDevice(); err != nil {
		return "", err.Error()
	}
	c := card{at: t.door.addr, beats: t.beats.place()}
	if len(t.o.Memory) == 0 {
		return c.String(), ""
	}
	var err error
	if c.directory, err = t.exports.open(); err != nil {
		t.o.Log.Warnf("pages of this host cannot be reached by RDMA without its processor, and are sent on request: %v", verbs.Locked(err, arenaChunk))
	}
	return c.String(), ""
}

func (t *Transport) openDevice() error {
	if err := t.enter("open RDMA"); err != nil {
		return err
	}
	defer t.calls.Done()
	if len(t.o.Secret) < 16 || t.o.Handler == nil || t.o.PageSize <= 0 || t.o.PageSize > wire.MaxPage || t.peers == nil || int(t.o.Self) >= len(t.peers) {
		return fmt.Errorf("open RDMA: impossible options")
	}
	if err := verbs.Load(); err != nil {
		return err
	}
	ports, err := verbs.Ports()
	if err == nil {
		err = verbs.Inactive(ports)
	}
	if err != nil {
		return err
	}
	d := &door{t: t}
	if d.ch, err = verbs.NewEventChannel(); err != nil {
		return err
	}
	if err = d.listen(); err == nil {
		err = t.prepare(d)
	}
	if err != nil {
		if d.id != nil {
			d.id.Free()
		}
		d.ch.Free()
		return err
	}
	t.card = d.addr.String()
	go t.loop.run(t.failed)
	return nil
}

// listen binds to the first address that belongs to an active port of a device.
func (d *door) listen() error {
	addrs, err := addresses(d.t.o.Address)
	if err != nil {
		return err
	}
	var idle []error
	for _, a := range addrs {
		id, err := d.ch.NewID()
		if err != nil {
			return err
		}
		if err := id.Bind(netip.AddrPortFrom(a, 0)); err == nil {
			if _, ok := id.Context(); ok {
				if err = d.listenOn(id); err == nil {
					d.id, d.addr = id, netip.AddrPortFrom(a, id.LocalPort())
					return nil
				}
				idle = append(idle, fmt.Errorf("%v on %s: %w", a, id.Device(), err))
			}
		}
		id.Free()
	}
	if len(idle) > 0 {
		return errors.Join(idle...)
	}
	return errors.New("no address of this machine belongs to an RDMA device [give its interface an address: an IP address for RoCE, IPoIB for InfiniBand]")
}

var (
	errInactive = errors.New("the port is not active [is the cable in? is the interface up?]")
	errIWARP    = errors.New("the device is neither of InfiniBand nor of RoCE [where it can be either, have it do RoCE instead of iWARP]")
)

// listenOn listens on an ID that is bound.
func (d *door) listenOn(id *verbs.ID) error {
	if !id.Joinable() {
		return errIWARP
	}
	up, err := id.Active()
	if err == nil && !up {
		err = errInactive
	}
	if err != nil {
		return err
	}
	return id.Listen(128)
}

// addresses lists those of this machine that others can connect to, the preferred one first.
func addresses(first netip.Addr) (list []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		if p.Addr() == first {
			list = append([]netip.Addr{first}, list...)
		} else {
			list = append(list, p.Addr())
		}
	}
	return list, nil
}

// prepare makes what the transport has once.
func (t *Transport) prepare(d *door) (err error) {
	t.context, _ = d.id.Context()
	limits, err := t.context.Limits()
	if err != nil {
		return err
	}
	t.reads = max(1, min(16, limits.ReadsAtOnce))
	t.unshared = t.unshared || limits.SharedEntries == 0 // of Intel E810, say
	if t.pd, err = t.context.NewPD(); err != nil {
		return err
	}
	if t.lobby, err = t.context.NewPD(); err != nil {
		return errors.Join(err, t.pd.Free())
	}
	if err = t.beats.open(t); err != nil {
		return errors.Join(err, t.lobby.Free(), t.pd.Free())
	}
	ch, err := t.context.NewChannel()
	if err != nil {
		return errors.Join(err, t.beats.free(), t.lobby.Free(), t.pd.Free())
	}
	l, err := newLoop(ch, t.tickTime())
	if err != nil {
		return errors.Join(err, ch.Free(), t.beats.free(), t.lobby.Free(), t.pd.Free())
	}
	t.loop, t.door = l, d
	if t.intake, err = newIntake(t); err == nil {
		err = l.add(d.ch.FD, d.events)
	}
	if err == nil {
		err = l.add(l.timer, t.tick)
	}
	if err == nil {
		err = t.affords()
	}
	if err != nil {
		if t.intake != nil {
			err = errors.Join(err, t.intake.free())
		}
		l.free()
		t.loop, t.door = nil, nil
		return errors.Join(err, ch.Free(), t.beats.free(), t.lobby.Free(), t.pd.Free())
	}
	return nil
}

// affords tells whether as much memory can be locked as the first threads of all hosts will want.
func (t *Transport) affords() error {
	r, err := t.newReceiver(t.loop.ch, nil, 4*len(t.peers), true)
	if err != nil {
		return err
	}
	return r.free()
}

// Try connects to all hosts with a card, which all call it at about the same time. It tells for each host what is wrong with
// it; nil for those that work in both directions, for this host, and for those without a card. It takes no longer than joinTime.
func (t *Transport) Try(cards []string) (refused []error) {
	refused = make([]error, len(cards))
	err := t.enter("try RDMA")
	if err == nil {
		defer t.calls.Done()
		if t.card == "" || len(cards) != len(t.peers) || t.serving.Load() {
			err = fmt.Errorf("try RDMA: not opened, started already, or another number of hosts")
		}
	}
	var wg sync.WaitGroup
	now := time.Now()
	timer := time.NewTimer(joinTime)
	defer timer.Stop()
	for i, text := range cards {
		p := t.peers[i]
		if p == nil || text == "" {
			continue
		}
		its, wrong := readCard(text)
		switch {
		case err != nil:
			refused[i] = err
		case wrong != nil:
			refused[i] = fmt.Errorf("the RDMA card of host %d, %q: %w", i, text, wrong)
		case wire.HostID(i) < t.o.Self:
			wg.Go(func() { refused[i] = t.connectTo(p, its.at, now.Add(connectTime)) })
		}
		p.beats = its.beats
		if its.directory.addr != 0 {
			p.far = newFar(its.directory)
		}
	}
	wg.Wait()
	late := false
	for i, card := range cards {
		p := t.peers[i]
		if err != nil || p == nil || card == "" || refused[i] != nil || wire.HostID(i) < t.o.Self {
			continue
		}
		if !late {
			select {
			case <-p.joined:
			case <-t.stopped:
				late = true
			case <-timer.C:
				late = true
			}
		}
		select {
		case <-p.joined:
		default:
			refused[i] = fmt.Errorf("host %d did not connect to %s within %v [can it reach that address by RDMA? see: rping]", i, t.card, joinTime)
		}
	}
	return refused
}
