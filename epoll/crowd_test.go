package epoll

import (
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/event"
	"jiajia/core/node"
	"jiajia/core/node/nodetest"
)

// TestHostsGetInThroughACrowd fills the room for guests with silence, with hellos and with new connections in a loop, and
// has a host of the job open mailboxes meanwhile.
func TestHostsGetInThroughACrowd(t *testing.T) {
	const room = 20
	var lines sync.Map
	p := &pair{t: t}
	p.hosts = nodetest.Start(t, func(t testing.TB, handlers []node.Handler) []node.Transport {
		p.tr = startWith(t, "127.0.0.1:0", handlers, func(o *Options) {
			o.Log = event.NewTo(event.Warn, 0, func(line []byte) { lines.Store(string(line), true) })
		}, func(tr *Transport) { tr.door.most = room })
		return []node.Transport{p.tr[0], p.tr[1]}
	}, 2, nil).Hosts
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	h := aHello()
	hb := h.encode()
	for _, says := range [][]byte{nil, hb[:]} {
		crowd.Add(1)
		go func() {
			defer crowd.Done()
			knockFor(t, p.tr[0], says, 3*room, stop)
		}()
	}
	for p.tr[0].Strangers() < 10*room { // the crowd is at it
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		p.works()
	}
	close(stop)
	crowd.Wait()
	found := false
	lines.Range(func(line, _ any) bool {
		found = found || strings.Contains(line.(string), string(tooMany))
		return true
	})
	if !found {
		t.Error("nothing was logged of the crowd")
	}
}

// knockFor opens connections, says something on each, and keeps the last ones open, until stop is closed.
func knockFor(t *testing.T, tr *Transport, says []byte, keep int, stop chan struct{}) {
	sa, family, err := resolve("tcp", tr.Addr(), 0)
	if err != nil {
		t.Error(err)
		return
	}
	var open []int
	defer func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}()
	for {
		select {
		case <-stop:
			return
		default:
		}
		fd, err := connect(openSocket, sa, family, tr.stopfd, time.Now().Add(patience))
		if err != nil {
			t.Error(err)
			return
		}
		_ = writeFull(fd, says, tr.stopfd, time.Now().Add(patience)) // it may be closed already
		if open = append(open, fd); len(open) > keep {
			unix.Close(open[0])
			open = open[1:]
		}
	}
}

// TestNoDescriptorsLeft: a host that cannot accept says why, once, and goes on when it can.
func TestNoDescriptorsLeft(t *testing.T) {
	lines := make(chan string, 10)
	p := &pair{t: t}
	p.hosts = nodetest.Start(t, func(t testing.TB, handlers []node.Handler) []node.Transport {
		p.tr = startWith(t, "127.0.0.1:0", handlers, func(o *Options) {
			o.Log = event.NewTo(event.Warn, 0, func(line []byte) { lines <- string(line) })
		}, func(*Transport) {})
		return []node.Transport{p.tr[0], p.tr[1]}
	}, 2, nil).Hosts
	sa, family, err := resolve("tcp", p.tr[0].Addr(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
	defer restore()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	if line := <-lines; !strings.Contains(line, "too many open files") || !strings.Contains(line, "ulimit -n") {
		t.Errorf("the log says %q", line)
	}
	restore()
	p.works()
	if len(lines) > 0 {
		t.Errorf("and it says %q", <-lines)
	}
}
