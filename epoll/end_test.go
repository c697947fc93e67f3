package epoll

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// TestLastMessageOfALinkArrives: a host sends the last message of the job over a link and leaves. Its neighbour, which
// hears of the end on another connection first, must get the message all the same.
func TestLastMessageOfALinkArrives(t *testing.T) {
	p := newPair(t, nil)
	links := make([]node.Link, 2)
	errs := make(chan error, 2)
	for i := range links {
		go func() {
			var err error
			links[i], err = p.tr[i].OpenLink(wire.HostID(1 - i))
			errs <- err
		}()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Fatal(err)
	}
	unix.Shutdown(p.tr[1].peers[0].service.fd, unix.SHUT_WR)
	if err := lossOf(t, p.hosts[0]); !errors.Is(err, errHungUp) {
		t.Fatal(err)
	}
	release := wire.Message{Type: wire.BarRelease, From: 1, Obj: 7}
	write(t, p.tr[1], links[1].(*Link).fd, wire.Append(nil, &release))
	var got wire.Message
	if err := links[0].Recv(&got); err != nil || got.Type != wire.BarRelease || got.Obj != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
	unix.Shutdown(links[1].(*Link).fd, unix.SHUT_WR)
	if err := links[0].Recv(&got); !errors.Is(err, errHungUp) {
		t.Errorf("behind the last message: %v", err)
	}
}

// TestClosedByTheProgram: a program that closes all descriptors there are ends with a line that says so.
func TestClosedByTheProgram(t *testing.T) {
	o := options(0, deaf{})
	failed := make(chan error, 1)
	o.Fail = func(err error) { failed <- err }
	tr, err := Listen("tcp", "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Start([]string{tr.Addr()}); err != nil {
		t.Fatal(err)
	}
	unix.Close(tr.loop.epfd)
	tr.loop.wake()
	if err := <-failed; !errors.Is(err, unix.EBADF) || !strings.Contains(err.Error(), closedOurs) {
		t.Error(err)
	}
	<-tr.loop.done
	if tr.loop.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil { // for Close to close
		t.Fatal(err)
	}
	tr.Close()
}
