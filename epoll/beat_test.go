package epoll

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/pulse"
	"jiajia/core/wire"
)

const deadline = 500 * time.Millisecond

// beating makes two hosts that beat. What each loses goes to its channel.
func beating(t *testing.T, timeout time.Duration) ([]*Transport, []chan error) {
	losses := []chan error{make(chan error, 1), make(chan error, 1)}
	var ts []*Transport
	for i := range losses {
		o := options(i, mourner{lost: losses[i]})
		o.PeerTimeout = timeout
		tr, err := Listen("tcp", "127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		ts = append(ts, tr)
	}
	join(t, ts, (*Transport).Addr)
	return ts, losses
}

// Hosts that have nothing to say are not lost while they beat; one that does not beat any more is, and whoever waits for it learns why.
func TestSilentHost(t *testing.T) {
	ts, losses := beating(t, deadline)
	link := make(chan error, 1)
	go func() {
		l, err := ts[1].OpenLink(0)
		if err == nil {
			err = l.Recv(new(wire.Message))
		}
		link <- err
	}()
	if _, err := ts[0].OpenLink(1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-losses[0]:
		t.Fatal(err)
	case err := <-losses[1]:
		t.Fatal(err)
	case <-time.After(3 * deadline):
	}
	silent := time.Now()
	ts[0].clock.Stop()
	for what, c := range map[string]chan error{"the handler": losses[1], "who waits at a link": link} {
		var want pulse.Silence
		if err := <-c; !errors.As(err, &want) || time.Duration(want) != deadline {
			t.Errorf("%s is told %v", what, err)
		}
		if took := time.Since(silent); took < deadline-pulse.Interval(deadline) {
			t.Errorf("after %v already", took)
		}
	}
}

// A host without a deadline neither beats nor misses beats.
func TestNoDeadline(t *testing.T) {
	ts, losses := beating(t, 0)
	select {
	case err := <-losses[0]:
		t.Error(err)
	case err := <-losses[1]:
		t.Error(err)
	case <-time.After(deadline):
	}
	if ts[0].peers[1].alive().heard() {
		t.Error("there was a beat")
	}
}

// What is no beat is not taken for one.
func TestWrongBeat(t *testing.T) {
	ts, losses := beating(t, time.Hour)
	if _, err := unix.Write(ts[0].peers[1].alive().fd, []byte{beat, 0}); err != nil {
		t.Fatal(err)
	}
	for ts[1].peers[0].alive() != nil {
		ts[1].peers[0].alive().heard()
	}
	t.Log(<-losses[1])
}

// A mourner is told of one loss.
type mourner struct {
	deaf
	lost chan error
}

func (m mourner) Lost(_ wire.HostID, err error) { m.lost <- err }

func TestBeats(t *testing.T) {
	nodetest.RunBeats(t, func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		for _, tr := range startWith(t, "127.0.0.1:0", handlers, func(o *Options) { o.PeerTimeout = deadline }, func(*Transport) {}) {
			r = append(r, tr)
		}
		return r
	}, deadline)
}

// A cable that is pulled is found by the deadline, between hosts that say nothing to each other.
func TestCableIsPulledFromBeatingHosts(t *testing.T) {
	m := newMachines(t)
	losses := []chan error{make(chan error, 1), make(chan error, 1)}
	var ts []*Transport
	for i := range losses {
		o := options(i, mourner{lost: losses[i]})
		o.PeerTimeout = 2 * time.Second
		ts = append(ts, m.listen(t, i, fmt.Sprintf("10.99.0.%d:0", i+1), o))
		defer ts[i].Close()
	}
	join(t, ts, (*Transport).Addr)
	m.ip(1, "link", "set", m.nics[1], "down")
	began := time.Now()
	for i, c := range losses {
		err := <-c
		if _, silent := err.(pulse.Silence); !silent {
			t.Errorf("host %d is told %v", i, err)
		}
		t.Logf("host %d knows after %v: %v", i, time.Since(began), err)
	}
}
