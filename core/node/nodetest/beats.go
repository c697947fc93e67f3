package nodetest

import (
	"testing"
	"time"

	"jiajia/core/wire"
)

// RunBeats checks a transport whose hosts are lost after so much silence: that they are not for other reasons.
func RunBeats(t *testing.T, mk Make, deadline time.Duration) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Make, time.Duration)
	}{
		{"a server in a long job beats", busyServer},
		{"a host that takes no data beats", fullHost},
		{"hosts leave one after the other", leaves},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, mk, deadline) })
	}
}

// none checks that nobody is lost for so long.
func (c *Cluster) none(long time.Duration) {
	c.t.Helper()
	over := time.After(long)
	for _, h := range c.Hosts {
		select {
		case loss := <-h.Gone:
			c.t.Errorf("host %d has lost host %d: %v", h.ID, loss.Host, loss.Err)
		case <-over:
			over = time.After(0)
		}
	}
}

// busyServer has a server do nothing but one thing for many deadlines, while requests pile up.
func busyServer(t *testing.T, mk Make, deadline time.Duration) {
	over := make(chan bool)
	c := Start(t, mk, 3, func(h *Host, m *wire.Message, body []byte) {
		if h.ID == 1 {
			<-over
		}
		h.Answer(m, body)
	})
	h := c.Hosts[0]
	b := h.mailbox()
	const requests = 20
	sent := make(chan bool)
	go func() {
		defer close(sent)
		for i := range uint64(requests) {
			h.must(b.Send(1, &wire.Message{Type: wire.CVSet, From: h.ID, Reply: b.ID(), Obj: i})) // which may wait
		}
	}()
	c.none(5 * deadline)
	close(over)
	within(t, sent, "the requests to go")
	for range requests {
		h.must(b.Recv(1, new(wire.Message), nil))
	}
	c.none(0)
}

// fullHost has a host refuse data while another one sends it more than fits.
func fullHost(t *testing.T, mk Make, deadline time.Duration) {
	c := Start(t, mk, 2, nil)
	to := c.Hosts[1]
	to.tooMuch.Store(true)
	const messages = 500
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := uint64(0); i < messages && err == nil; i++ {
			m, body := stamp(0, 0, i, 64<<10)
			err = c.Hosts[0].SendData(1, m, body)
		}
		sent <- err
	}()
	c.none(5 * deadline)
	to.tooMuch.Store(false)
	to.Accept()
	if err := within(t, sent, "the data to go"); err != nil {
		t.Error(err)
	}
}

// leaves has hosts leave at intervals longer than the deadline: who is left hears of each once, and at once.
func leaves(t *testing.T, mk Make, deadline time.Duration) {
	const hosts = 4
	c := Start(t, mk, hosts, nil)
	for i := range hosts - 1 {
		left := time.Now()
		if err := c.Hosts[i].Close(); err != nil {
			t.Error(err)
		}
		for _, h := range c.Hosts[i+1:] {
			if loss := within(t, h.Gone, "the end of a peer"); loss.Host != wire.HostID(i) {
				t.Errorf("host %d has lost host %d, not %d: %v", h.ID, loss.Host, i, loss.Err)
			}
		}
		if took := time.Since(left); took > deadline && patience == 20*time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(2 * deadline) // the point: nothing more happens
	}
	for _, h := range c.Hosts {
		if len(h.Gone) > 0 {
			t.Errorf("host %d is told of another loss: %v", h.ID, <-h.Gone)
		}
	}
}
