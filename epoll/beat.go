package epoll

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/pulse"
)

// beat is what hosts tell each other over their watch connection, again and again: that they live.
const beat byte = 'b'

// beat starts the thread that beats, and listens, if the hosts do so. The caller holds mu, and is within enter.
func (t *Transport) beat() {
	if t.o.PeerTimeout == 0 {
		return
	}
	m := pulse.NewMonitor(t.o.PeerTimeout, len(t.peers), time.Now())
	t.calls.Add(1)
	go func() {
		defer t.calls.Done()
		t.clock.Run(pulse.Interval(t.o.PeerTimeout), func(now time.Time) { t.beatOnce(m, now) })
	}()
}

// beatOnce sends a beat to each peer, reads theirs, and gives up those that are late. It never waits.
func (t *Transport) beatOnce(m *pulse.Monitor, now time.Time) {
	for _, p := range t.peers {
		if w := p.alive(); w != nil {
			w.tell()
		}
	}
	late := m.Look(now, func(i int) bool {
		w := t.peers[i].alive()
		return w != nil && w.heard()
	})
	for _, i := range late {
		t.broken(t.peers[i], pulse.Silence(m.Deadline()))
	}
}

// alive returns the watch connection with a peer while there is one. p may be nil.
func (p *peer) alive() *watch {
	if p == nil || p.lost() {
		return nil
	}
	return p.watch.Load()
}

// tell sends a beat. When there is no room for it, the peer has not read twenty before it, and is about to be given up.
func (w *watch) tell() {
	_, err := unix.SendmsgN(w.fd, []byte{beat}, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	switch err {
	case nil, unix.EAGAIN, unix.EINTR, unix.ENOBUFS, unix.ENOMEM:
	case unix.ECONNRESET, unix.EPIPE:
		w.t.broken(w.peer, errHungUp)
	default:
		w.t.broken(w.peer, os.NewSyscallError("send", err))
	}
}

// heard tells whether there were beats of the peer.
func (w *watch) heard() bool {
	beats, err := w.read()
	if err != nil {
		w.t.broken(w.peer, err)
	}
	return beats
}
