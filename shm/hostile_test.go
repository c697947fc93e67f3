package shm

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// listen makes a host of a job of two, for which nobody need be there.
func listen(t *testing.T, self int, change func(*Options)) *Transport {
	t.Helper()
	o := options(self, 2, newServant())
	if change != nil {
		change(&o)
	}
	tr, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	tr.patience = 2 * time.Second
	t.Cleanup(func() { tr.Close() })
	return tr
}

// TestRefusals has pairs of hosts meet that do not belong together. The acceptor, host 0, only sees that nobody comes.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   error
	}{
		{"another secret", func(o *Options) { o.Secret = []byte("another secret of another job...") }, refusals[otherSecret]},
		{"another page size", func(o *Options) { o.PageSize = 8192 }, refusals[otherJob]},
		{"another number of hosts", func(o *Options) { o.Hosts = 3 }, refusals[otherJob]},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := listen(t, 0, nil), listen(t, 1, test.change)
			cards := []string{a.card, b.card}
			done := make(chan []error, 1)
			go func() { done <- a.Try(cards) }()
			if refused := b.Try(append(cards, "")[:b.o.Hosts]); !errors.Is(refused[0], test.want) {
				t.Errorf("the connector was told %v", refused[0])
			}
			a.Close() // it would go on waiting
			if refused := within(t, done, "the acceptor"); refused[1] == nil || refused[0] != nil {
				t.Errorf("the acceptor was told %v", refused)
			}
		})
	}
}

// TestCardsTell has hosts meet whose cards say already that they cannot: nobody waits.
func TestCardsTell(t *testing.T) {
	a := listen(t, 0, nil)
	here, err := parseCard(a.card)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*card){
		"another machine":           func(c *card) { c.boot = "other" },
		"another network namespace": func(c *card) { c.net = "1" },
		"user 4711":                 func(c *card) { c.uid = 4711 },
	} {
		there := here
		change(&there)
		if err := here.why(there); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if there.why(here) == nil {
			t.Errorf("%s: the other one would wait", name)
		}
	}
	a.patience = time.Hour
	there := here
	there.boot = "other"
	if refused := a.Try([]string{a.card, there.String()}); refused[1] == nil {
		t.Error("reached another machine")
	}
	for _, bad := range []string{"", "garbage"} {
		a := listen(t, 0, nil)
		a.patience = time.Hour
		if refused := a.Try([]string{a.card, bad}); refused[1] == nil {
			t.Errorf("reached a host with the card %q", bad)
		}
	}
}

// TestNobodyComes has a host wait for another that does not come, and then be told to keep it.
func TestNobodyComes(t *testing.T) {
	a, b := listen(t, 0, nil), listen(t, 1, nil)
	a.patience = 10 * time.Millisecond
	if refused := a.Try([]string{a.card, b.card}); refused[1] == nil {
		t.Error("a host was met that never came")
	}
	if err := a.Start([]bool{false, true}); err == nil {
		t.Error("a host was kept that never came")
	}
}

// TestNobodyThere tries a host that has ended.
func TestNobodyThere(t *testing.T) {
	a, b := listen(t, 0, nil), listen(t, 1, nil)
	a.Close()
	if refused := b.Try([]string{a.card, b.card}); !errors.Is(refused[0], unix.ECONNREFUSED) {
		t.Error(refused[0])
	}
}

// TestNoPeerKept starts without peers, as on a machine of its own.
func TestNoPeerKept(t *testing.T) {
	a, b := listen(t, 0, nil), listen(t, 1, nil)
	for i, refused := range try(t, []*Transport{a, b}) {
		if err := errors.Join(refused...); err != nil {
			t.Errorf("host %d: %v", i, err)
		}
	}
	for _, tr := range []*Transport{a, b} {
		if err := tr.Start([]bool{false, false}); err != nil {
			t.Error(err)
		}
		if _, err := tr.OpenMailbox(1); err != nil {
			t.Error(err)
		}
	}
	if err := a.Post(1, &wire.Message{Type: wire.LockFwd}); err == nil {
		t.Error("posted to a host that was dropped")
	}
}

// dial connects to a host as a stranger does.
func dial(t *testing.T, tr *Transport) *net.UnixConn {
	t.Helper()
	c, err := parseCard(tr.card)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUnix("unixpacket", nil, c.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestStrangers crowds the door with silence, garbage and floods while an honest peer comes.
func TestStrangers(t *testing.T) {
	a, b := listen(t, 0, nil), listen(t, 1, nil)
	cards := []string{a.card, b.card}
	done := make(chan []error, 1)
	a.patience, b.patience = limit, limit
	go func() { done <- a.Try(cards) }()
	var silent []*net.UnixConn
	for i := range 2 * mostGuests {
		conn := dial(t, a)
		switch i % 4 {
		case 0:
			conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		case 1:
			conn.Write(hello{from: 1, to: 0, hosts: 2, pageSize: nodetest.PageSize}.encode())
			conn.Write(make([]byte, proofSize))
		case 2:
			conn.Write(make([]byte, 100_000))
			fd := int(os.Stdin.Fd())
			conn.WriteMsgUnix(hello{}.encode(), unix.UnixRights(fd, fd, fd), nil)
		default:
			silent = append(silent, conn)
		}
	}
	if err := errors.Join(b.Try(cards)...); err != nil {
		t.Error(err)
	}
	if err := errors.Join(within(t, done, "the acceptor")...); err != nil {
		t.Error(err)
	}
	for _, conn := range silent {
		conn.SetReadDeadline(time.Now().Add(limit))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a silent stranger is still there after Try")
		}
	}
}

// TestNoProofNoAnswer looks at what a stranger learns: no MAC, and no descriptor.
func TestNoProofNoAnswer(t *testing.T) {
	a := listen(t, 0, nil)
	done := make(chan []error, 1)
	go func() { done <- a.Try([]string{a.card, a.card}) }()
	conn := dial(t, a)
	conn.Write(hello{from: 1, to: 0, hosts: 2, pageSize: nodetest.PageSize}.encode())
	if b, fds, err := receive(conn, challengeSize, 0); err != nil || len(fds) > 0 || decodeChallenge(b) != nil {
		t.Fatal(b, fds, err)
	}
	conn.Write(make([]byte, proofSize))
	b, fds, err := receive(conn, verdictSize, 0)
	if err != nil || len(fds) > 0 || status(binary.LittleEndian.Uint32(b)) != otherSecret {
		t.Fatal(b, fds, err)
	}
	for _, v := range b[4:] {
		if v != 0 {
			t.Fatal("a stranger got a MAC")
		}
	}
	a.Close()
	within(t, done, "the acceptor")
}

// TestAnotherUser has a process of another user knock, which is root's to arrange: it is not talked to.
func TestAnotherUser(t *testing.T) {
	const door = "JIA_SHM_TEST_DOOR"
	if name := os.Getenv(door); name != "" {
		c, err := parseCard(name)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialUnix("unixpacket", nil, c.socket())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(hello{from: 1, to: 0, hosts: 2, pageSize: nodetest.PageSize}.encode())
		conn.SetReadDeadline(time.Now().Add(limit))
		if n, err := conn.Read(make([]byte, challengeSize)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("another user was answered %d bytes, %v", n, err)
		}
		if err := sameUser(conn, os.Geteuid()); err == nil {
			t.Fatal("the other end looks like the same user")
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can run processes of two users")
	}
	a := listen(t, 0, nil)
	a.patience = limit
	done := make(chan []error, 1)
	go func() { done <- a.Try([]string{a.card, a.card}) }()
	c := exec.Command(copyForAll(t), "-test.run=^TestAnotherUser$")
	c.Dir = "/"
	c.Env = append(os.Environ(), door+"="+a.card)
	c.SysProcAttr = nobody()
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	a.Close()
	within(t, done, "the acceptor")
}

// TestNoSuchSocket looks for a host whose socket is not to be found under its name.
func TestNoSuchSocket(t *testing.T) {
	a, b := listen(t, 0, nil), listen(t, 1, nil)
	c, err := parseCard(a.card)
	if err != nil {
		t.Fatal(err)
	}
	c.name = strings.Repeat("0", len(c.name))
	if refused := b.Try([]string{c.String(), b.card}); refused[0] == nil {
		t.Error("found a socket that is not there")
	}
}

// TestDamage has a peer's memory go wild in every ring: the peer is lost, and nothing else happens.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(p *peer){
		"head of requests":   func(p *peer) { p.requests.h.head.Store(1 << 40) },
		"garbage as request": func(p *peer) { garbage(&p.requests.source) },
		"head of data":       func(p *peer) { p.data.h.head.Store(1 << 40) },
		"garbage as data":    func(p *peer) { garbage(&p.data.source) },
		"head of the link":   func(p *peer) { p.link.in.h.head.Store(1 << 40) },
		"garbage on link":    func(p *peer) { garbage(&p.link.in.source) },
		"tail of requests":   func(p *peer) { wildTail(&p.service.sink) },
		"tail of the link":   func(p *peer) { wildTail(&p.link.out) },
		"tail of data":       func(p *peer) { wildTail(&p.outgoing.sink) },
		"garbage on socket":  func(p *peer) { unix.Write(p.t.peers[1].sock, []byte("garbage")) },
	} {
		t.Run(name, func(t *testing.T) {
			hosts := []*servant{newServant(), newServant()}
			ts := start(t, []node.Handler{hosts[0], hosts[1]}, func(o *Options) {})
			for i, h := range hosts {
				h.t = ts[i]
				close(h.ready)
				defer ts[i].Close()
			}
			go func() {
				l, err := ts[0].OpenLink(1)
				if err == nil {
					l.Recv(new(wire.Message))
				}
			}()
			l, err := ts[1].OpenLink(0)
			if err != nil {
				t.Fatal(err)
			}
			damage(ts[0].peers[1])
			ts[0].wakeAllForTest()
			// Something has to be sent, for the positions of the ends that write to be looked at.
			ts[0].Post(1, &wire.Message{Type: wire.LockFwd})
			ts[0].SendData(1, &wire.Message{Type: wire.Data})
			ts[0].peers[1].link.Send(&wire.Message{Type: wire.BarArrive})
			_ = l
			within(t, hosts[0].lost, "the loss to be noticed")
			within(t, hosts[1].lost, "the peer to be told")
		})
	}
}

func (t *Transport) wakeAllForTest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wakeAll()
}

// wildTail damages the position of a ring's reader, and leaves the writer without room that it knows of.
func wildTail(s *sink) {
	s.h.tail.Store(1 << 40)
	s.tail = s.head - uint64(len(s.data))
}

// garbage writes to a ring what is no message.
func garbage(s *source) {
	for i := range s.data[:200] {
		s.data[i] = byte(i)
	}
	s.h.head.Add(200)
}
