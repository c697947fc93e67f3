package epoll

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/reach"
	"jiajia/core/wire"
)

// Two network namespaces, joined by a cable, stand for two machines.
type machines struct {
	t     *testing.T
	names [2]string // of the namespaces
	nics  [2]string // ends of the cable
}

// newMachines makes them, and skips the test where that is not permitted.
func newMachines(t *testing.T) *machines {
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("network namespaces need the package iproute2: %v", err)
	}
	m := &machines{t: t}
	for i := range m.names {
		m.names[i] = fmt.Sprintf("jia-epoll-%d-%s-%d", os.Getpid(), strings.ToLower(t.Name()[4:8]), i)
		m.nics[i] = fmt.Sprintf("jia%d", i)
		if err := ip("netns", "add", m.names[i]); err != nil {
			t.Skipf("no network namespaces here: %v", err)
		}
		t.Cleanup(func() {
			if err := ip("netns", "delete", m.names[i]); err != nil {
				t.Error(err)
			}
		})
	}
	if err := ip("link", "add", m.nics[0], "netns", m.names[0], "type", "veth", "peer", "name", m.nics[1], "netns", m.names[1]); err != nil {
		t.Skipf("no virtual cables here: %v", err)
	}
	for i := range m.names {
		m.ip(i, "link", "set", "lo", "up")
		for _, prefix := range []string{"10.99.0.%d/24", "fd00:99::%d/64", "fe80::99:%d/64"} {
			args := []string{"address", "add", fmt.Sprintf(prefix, i+1), "dev", m.nics[i]}
			if strings.Contains(prefix, ":") {
				args = append(args, "nodad") // nobody else is there
			}
			m.ip(i, args...)
		}
		m.ip(i, "link", "set", m.nics[i], "up")
	}
	return m
}

func ip(args ...string) error {
	if text, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return nil
}

// ip runs the command on a machine.
func (m *machines) ip(i int, args ...string) {
	m.t.Helper()
	if err := ip(append([]string{"-netns", m.names[i]}, args...)...); err != nil {
		m.t.Fatal(err)
	}
}

// on runs f in a thread that is on a machine: the sockets that it makes stay there.
func (m *machines) on(i int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := os.Open("/run/netns/" + m.names[i])
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	defer func() {
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the thread must not serve anybody else
		}
	}()
	return f()
}

// listen makes a host on a machine.
func (m *machines) listen(t testing.TB, i int, bind string, o Options) *Transport {
	t.Helper()
	var tr *Transport
	err := m.on(i, func() (err error) {
		tr, err = Listen("tcp", bind, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.open = func(family int) (fd int, err error) {
		err = m.on(i, func() (err error) {
			fd, err = openSocket(family)
			return err
		})
		return fd, err
	}
	return tr
}

// maker deals the hosts to the machines; bind gives the address at which hosts of a machine listen, host what others
// call it if that is a wildcard.
func (m *machines) maker(bind func(i int) string, host string) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		var ts []*Transport
		for i, h := range handlers {
			tr := m.listen(t, i%2, bind(i%2), options(i, h))
			ts, r = append(ts, tr), append(r, tr)
		}
		join(t, ts, func(tr *Transport) string {
			return reach.Through(tr.Addr(), netip.MustParseAddr(fmt.Sprintf(host, tr.o.Self%2+1)))
		})
		return r
	}
}

func TestTwoMachines(t *testing.T) {
	m := newMachines(t)
	for _, c := range []struct {
		name string
		bind func(i int) string
		host string
	}{
		{"IPv4", func(i int) string { return fmt.Sprintf("10.99.0.%d:0", i+1) }, "10.99.0.%d"},
		{"IPv6", func(i int) string { return fmt.Sprintf("[fd00:99::%d]:0", i+1) }, "fd00:99::%d"},
		{"link-local, with zones", func(i int) string { return fmt.Sprintf("[fe80::99:%d%%%s]:0", i+1, m.nics[i]) }, "fe80::99:%d"},
		{"wildcard through IPv4", func(int) string { return "[::]:0" }, "10.99.0.%d"},
		{"wildcard through IPv6", func(int) string { return "[::]:0" }, "fd00:99::%d"},
	} {
		if testing.Short() && strings.Contains(c.name, "IPv6") {
			continue // the loopback has that, too
		}
		t.Run(c.name, func(t *testing.T) { nodetest.Run(t, m.maker(c.bind, c.host)) })
	}
}

// TestCongestionControlBetweenMachines: only what stays on one machine, whatever its address, gets the simplest one.
func TestCongestionControlBetweenMachines(t *testing.T) {
	m := newMachines(t)
	var ts []*Transport
	for i := range 3 {
		tr := m.listen(t, i%2, "0.0.0.0:0", options(i, deaf{}))
		t.Cleanup(func() { tr.Close() })
		ts = append(ts, tr)
	}
	join(t, ts, func(tr *Transport) string {
		return reach.Through(tr.Addr(), netip.MustParseAddr(fmt.Sprintf("10.99.0.%d", tr.o.Self%2+1)))
	})
	for _, tr := range ts {
		for _, p := range tr.peers {
			if p == nil {
				continue
			}
			for _, fd := range p.fds {
				if near := p.id%2 == tr.o.Self%2; onThisMachine(fd) != near {
					t.Errorf("host %d believes that host %d is on its machine: %v", tr.o.Self, p.id, !near)
				}
			}
		}
	}
}

// TestCableIsPulled: a machine that is suddenly not there is found in a bounded time, also by a thread that waits for it
// and by one that sends to it.
func TestCableIsPulled(t *testing.T) {
	if testing.Short() {
		t.Skipf("takes %v", vanishTime)
	}
	t.Parallel()
	m := newMachines(t)
	c := nodetest.Start(t, m.maker(func(i int) string { return fmt.Sprintf("10.99.0.%d:0", i+1) }, "10.99.0.%d"), 3,
		func(*nodetest.Host, *wire.Message, []byte) {})
	waits, err := c.Hosts[0].OpenMailbox(900)
	if err != nil {
		t.Fatal(err)
	}
	sends, err := c.Hosts[2].OpenMailbox(900)
	if err != nil {
		t.Fatal(err)
	}
	m.ip(1, "link", "set", m.nics[1], "down")
	began := time.Now()
	errs := make(chan error, 1)
	go func() { errs <- waits.Recv(1, new(wire.Message), nil) }()
	if err := sends.Send(1, &wire.Message{Type: wire.CVSet, From: 2, Reply: sends.ID()}); err != nil {
		t.Error(err)
	}
	timer := time.NewTimer(vanishTime + patience)
	defer timer.Stop()
	check := func(err error) {
		t.Helper()
		if !strings.Contains(err.Error(), "no sign of life") || !strings.Contains(err.Error(), "host 1 (10.99.0.2:") {
			t.Error(err)
		}
	}
	for _, gone := range []chan nodetest.Loss{c.Hosts[0].Gone, c.Hosts[1].Gone, c.Hosts[1].Gone, c.Hosts[2].Gone} {
		select {
		case loss := <-gone:
			t.Logf("%v: %v", time.Since(began), loss)
			if gone != c.Hosts[1].Gone {
				check(loss.Err)
			}
		case <-timer.C:
			t.Fatalf("no loss is reported within %v", vanishTime+patience)
		}
	}
	check(<-errs)
	t.Logf("all losses are known after %v", time.Since(began))
}

// TestUnreachable: a machine that is not there, and one whose port is closed.
func TestUnreachable(t *testing.T) {
	m := newMachines(t)
	for _, c := range []struct{ addr, words string }{
		{"10.99.0.77:1", "10.99.0.77:1"},
		{"10.98.0.1:1", "no way there"},
		{"10.99.0.2:1", "nobody listens there"},
		{"[fd00:98::1]:1", "no way there"},
	} {
		tr := m.listen(t, 0, "10.99.0.1:0", options(1, deaf{}))
		tr.dialTimeout = time.Second
		err := tr.Start([]string{c.addr, tr.Addr()})
		if err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "connect host 1 to host 0 at "+c.addr) ||
			!strings.Contains(err.Error(), "firewall") {
			t.Errorf("%s: %v", c.addr, err)
		}
		tr.Close()
	}
}

// TestStoppedHostIsNotLost: a host that does not run for a long while, so that what is sent to it piles up, is still there.
func TestStoppedHostIsNotLost(t *testing.T) {
	const stop = vanishTime + 5*time.Second
	if testing.Short() {
		t.Skipf("takes %v", stop)
	}
	t.Parallel()
	var begun, over = make(chan bool), make(chan bool)
	c := nodetest.Start(t, maker("127.0.0.1:0", 0), 2, func(h *nodetest.Host, m *wire.Message, body []byte) {
		if m.Obj == 0 {
			close(begun)
			<-over // neither reads nor answers anything
		}
		h.Answer(m, body)
	})
	box, err := c.Hosts[0].OpenMailbox(900)
	if err != nil {
		t.Fatal(err)
	}
	const messages = 64
	body := make([]byte, wire.MaxDiff)
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := uint64(0); i < messages && err == nil; i++ {
			err = box.Send(1, &wire.Message{Type: wire.Diff, From: 0, Reply: box.ID(), Obj: i, Length: uint64(len(body))}, body)
		}
		sent <- err
	}()
	<-begun
	time.Sleep(stop) // the point of the test
	select {
	case err := <-sent:
		t.Fatalf("%d messages did not fill the connection, or: %v", messages, err)
	default:
	}
	close(over)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i := range uint64(messages) {
		var m wire.Message
		if err := box.Recv(1, &m, nil); err != nil || m.Obj != i {
			t.Fatal(m, err)
		}
	}
	select {
	case loss := <-c.Hosts[0].Gone:
		t.Error(loss.Err)
	default:
	}
}
