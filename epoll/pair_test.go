package epoll

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

const patience = 10 * time.Second

// A pair is a job of two hosts in which host 1 also does what no honest host does, on raw connections.
type pair struct {
	t     *testing.T
	hosts []*nodetest.Host
	tr    []*Transport
}

func newPair(t *testing.T, serve func(h *nodetest.Host, m *wire.Message, body []byte)) *pair {
	p := &pair{t: t}
	p.hosts = nodetest.Start(t, func(t testing.TB, handlers []node.Handler) []node.Transport {
		p.tr = start(t, "127.0.0.1:0", 0, handlers)
		return []node.Transport{p.tr[0], p.tr[1]}
	}, 2, serve).Hosts
	return p
}

// raw returns an authenticated connection of host 1 with host 0, as if from a mailbox.
func (p *pair) raw(mailbox uint32) int {
	p.t.Helper()
	fd, err := p.tr[1].dial(p.tr[1].peers[0], forMailbox, mailbox, time.Now().Add(patience))
	if err != nil {
		p.t.Fatal(err)
	}
	return fd
}

// works checks that the job goes on: a page request from a new mailbox.
func (p *pair) works() {
	p.t.Helper()
	b, err := p.tr[1].OpenMailbox(p.hosts[1].NextBox())
	if err != nil {
		p.t.Fatal(err)
	}
	m := wire.Message{Type: wire.GetPage, From: 1, Reply: b.ID(), Obj: 1, Version: 1, Epoch: 1}
	if err := b.Send(0, &m); err != nil {
		p.t.Fatal(err)
	}
	if err := b.Recv(0, &m, [][]byte{make([]byte, nodetest.PageSize)}); err != nil || m.Type != wire.Page {
		p.t.Fatal(m, err)
	}
}

// stranger returns a plain connection with a transport.
func stranger(t *testing.T, tr *Transport) int {
	t.Helper()
	sa, family, err := resolve("tcp", tr.Addr(), 0)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := connect(openSocket, sa, family, tr.stopfd, time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// write sends raw bytes.
func write(t *testing.T, tr *Transport, fd int, b []byte) {
	t.Helper()
	if err := writeFull(fd, b, tr.stopfd, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

// hungUp waits until the other end closes the connection.
func hungUp(t *testing.T, tr *Transport, fd int) {
	t.Helper()
	for b := make([]byte, 1); ; {
		err := readFull(fd, b, tr.stopfd, time.Now().Add(patience))
		if err == errHungUp || err != nil && strings.Contains(err.Error(), "reset") {
			return
		}
		if err != nil {
			t.Fatalf("the other end did not close the connection: %v", err)
		}
	}
}

// lossOf returns why a host was told that the other one is lost.
func lossOf(t *testing.T, h *nodetest.Host) error {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case loss := <-h.Gone:
		return loss.Err
	case <-timer.C:
		t.Fatalf("host %d was not told of a loss", h.ID)
		return nil
	}
}
