package nodetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// What a transport must promise for data: Data and Collect messages. Run calls these with the rest.

// stamp makes a message of a sending thread: the number-th of its, with a payload that follows from both.
func stamp(from wire.HostID, thread int, number uint64, bytes int) (*wire.Message, []byte) {
	body := make([]byte, bytes)
	fill(body, uint64(thread)<<32^number)
	m := &wire.Message{Type: wire.Data, From: from, Obj: uint64(thread), Version: uint64(bytes), Epoch: number, Length: uint64(bytes)}
	if number%3 == 0 {
		m.Type = wire.Collect
	}
	return m, body
}

// checkStamp tells what is wrong with such a message when it has arrived.
func checkStamp(m *wire.Message, body []byte) error {
	_, want := stamp(m.From, int(m.Obj), m.Epoch, int(m.Length))
	if string(body) != string(want) || m.Version != uint64(len(body)) {
		return fmt.Errorf("message %d of thread %d of host %d arrived damaged", m.Epoch, m.Obj, m.From)
	}
	return nil
}

// dataOrder has all hosts send to all others, from several threads and in all sizes, while a thread of each attends now and
// then: every message comes once, unharmed, and in the order in which its thread sent it.
func dataOrder(t *testing.T, mk Make) {
	const n, threads, each = 3, 3, 100
	c := Start(t, mk, n, nil)
	var came [n]atomic.Int64
	var next [n][n][threads]uint64 // by receiver and sender; of the receiver's reader alone
	for i, h := range c.Hosts {
		h.onData(func(m *wire.Message, body []byte) {
			due := &next[i][m.From][m.Obj]
			if err := checkStamp(m, body); err != nil || m.Epoch != *due {
				t.Errorf("host %d: message %d of thread %d of host %d came when %d was due: %v", i, m.Epoch, m.Obj, m.From, *due, err)
			}
			*due = m.Epoch + 1
			came[i].Add(1)
		})
	}
	together(t, n*(threads+1), func(part int) error {
		h, thread := c.Hosts[part%n], part/n
		if thread == threads { // not a sender: it attends
			for goal := int64(0); goal <= (n-1)*threads*each; goal += threads {
				if err := h.Attend(func() bool { return came[h.ID].Load() >= goal }); err != nil {
					return err
				}
			}
			return nil
		}
		rng := rand.New(rand.NewPCG(5, uint64(part)))
		for i := range uint64(each) {
			m, body := stamp(h.ID, thread, i, []int{0, 1, 64, 5000, 70000, wire.MaxData}[rng.IntN(51)/10])
			cut := rng.IntN(len(body) + 1)
			for to := range wire.HostID(n) {
				if to == h.ID {
					continue
				}
				if err := h.SendData(to, m, body[:cut], body[cut:]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dataUnattended sends where nobody attends: the serving thread reads.
func dataUnattended(t *testing.T, mk Make) {
	c := Start(t, mk, 2, nil)
	came := make(chan uint64, 100)
	c.Hosts[0].onData(func(m *wire.Message, body []byte) { came <- m.Epoch })
	for i := range uint64(cap(came)) {
		m, body := stamp(1, 0, i, 1000)
		c.Hosts[1].must(c.Hosts[1].SendData(0, m, body))
		if i == 50 { // somebody attends for a while, and leaves
			within(t, attending(c.Hosts[0], func() bool { return len(came) > 50 }), "the attending thread to leave")
		}
	}
	for i := range uint64(cap(came)) {
		if got := within(t, came, "data that nobody attends to"); got != i {
			t.Fatalf("message %d came when %d was due", got, i)
		}
	}
}

// attending has a thread attend, and returns a channel for what becomes of it.
func attending(h *Host, done func() bool) chan error {
	ended := make(chan error, 1)
	go func() { ended <- h.Attend(done) }()
	return ended
}

// dataRecall ends the attendance of a thread that nothing comes for.
func dataRecall(t *testing.T, mk Make) {
	c := Start(t, mk, 2, nil)
	h := c.Hosts[0]
	h.must(h.Attend(func() bool { return true })) // nothing to wait for
	h.Recall()                                    // and nobody to recall
	for range 100 {
		var enough atomic.Bool
		ended := attending(h, enough.Load)
		enough.Store(true)
		h.Recall()
		if err := within(t, ended, "the recalled thread"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.get(h.mailbox(), 1, 3, make([]byte, PageSize)); err != nil {
		t.Error(err)
	}
}

// dataFull has a receiver that is full: senders wait in the end, requests are served meanwhile, an attending thread reads
// nevertheless, and so does the server once Accept is called.
func dataFull(t *testing.T, mk Make) {
	const each = 64 // MiB: more than sockets hold
	c := Start(t, mk, 2, nil)
	h := c.Hosts[0]
	var came atomic.Int64
	arrived := make(chan bool, 4*each)
	h.onData(func(*wire.Message, []byte) {
		came.Add(1)
		h.tooMuch.Store(true)
		arrived <- true
	})
	flood := func() chan error {
		ended := make(chan error, 1)
		go func() {
			for i := range uint64(each) {
				m, body := stamp(1, 0, i, wire.MaxData)
				if err := c.Hosts[1].SendData(0, m, body); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		return ended
	}
	m, body := stamp(1, 0, 0, 1)
	h.must(c.Hosts[1].SendData(0, m, body)) // to connect, which may count as a stall
	within(t, arrived, "the first message")
	c.Hosts[1].stalls.Store(0)
	h.tooMuch.Store(false)
	h.Accept()
	ended := flood()
	within(t, arrived, "a message of the flood")
	other := c.Hosts[1].mailbox()
	for page := range uint64(200) {
		if err := c.Hosts[1].get(other, 0, page, make([]byte, PageSize)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("%d MiB were sent to a host that is full, which took %d messages: %v", each, came.Load(), err)
	default:
	}
	for c.Hosts[1].stalls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := within(t, attending(h, func() bool { return came.Load() == each+1 }), "the attending thread"); err != nil {
		t.Fatal(err)
	}
	h.must(within(t, ended, "the sender"))

	ended = flood()
	for came.Load() < 2*each+1 {
		h.tooMuch.Store(false)
		h.Accept()
		within(t, arrived, "more messages")
	}
	h.must(within(t, ended, "the sender"))
}

func dataMisuse(t *testing.T, mk Make) {
	h := Start(t, mk, 2, nil).Hosts[0]
	long := make([]byte, wire.MaxData+1)
	for what, err := range map[string]error{
		"data to itself":            h.SendData(0, &wire.Message{Type: wire.Data, From: 0}),
		"data to a host beyond":     h.SendData(2, &wire.Message{Type: wire.Data, From: 0}),
		"data in another's name":    h.SendData(1, &wire.Message{Type: wire.Data, From: 1}),
		"a request as data":         h.SendData(1, &wire.Message{Type: wire.LockReq, From: 0}),
		"data of another length":    h.SendData(1, &wire.Message{Type: wire.Data, From: 0, Version: 3, Length: 3}, []byte("four")),
		"data beyond the limit":     h.SendData(1, &wire.Message{Type: wire.Data, From: 0, Version: wire.MaxData + 1, Length: wire.MaxData + 1}, long),
		"data as a post":            h.Post(1, &wire.Message{Type: wire.Data, From: 0}),
		"data as a mailbox request": h.mailbox().Send(1, &wire.Message{Type: wire.Collect, From: 0}),
	} {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	var enough atomic.Bool
	first := attending(h, enough.Load)
	if err := h.get(h.mailbox(), 1, 1, make([]byte, PageSize)); err != nil {
		t.Errorf("after misuse: %v", err)
	}
	enough.Store(true)
	h.Recall()
	h.must(within(t, first, "the attending thread"))
}

// dataEnds closes a host that attends, and one to which others send.
func dataEnds(t *testing.T, mk Make) {
	c := Start(t, mk, 3, nil)
	h := c.Hosts[0]
	never := func() bool { return false }
	survivor := attending(c.Hosts[1], never)
	closed := attending(h, never)
	m, body := stamp(0, 0, 1, 10)
	h.must(h.SendData(1, m, body))
	h.must(h.Close())
	if err := within(t, closed, "the attending thread"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("attending ended with %v", err)
	}
	for _, err := range []error{h.Attend(never), h.SendData(1, m, body)} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	h.Recall()
	h.Accept()
	within(t, c.Hosts[1].Gone, "Lost")
	m.From = 1
	if err := c.Hosts[1].SendData(0, m, body); err == nil {
		t.Error("sending data to a dead host succeeded")
	}
	select {
	case err := <-survivor:
		t.Errorf("the loss of a peer ended an attendance with %v", err)
	default:
	}
	c.Hosts[1].must(c.Hosts[1].SendData(2, m, body))
	c.Hosts[1].must(c.Hosts[1].Close())
	within(t, survivor, "the survivor's attending thread")
}

var _ node.Handler = (*Host)(nil)
