package epoll

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// deaf is the handler of a host that serves nobody.
type deaf struct{}

func (deaf) Serve(*wire.Message, []byte) {}
func (deaf) Data(*wire.Message, []byte)  {}
func (deaf) Full() bool                  { return false }
func (deaf) Stalled(wire.HostID)         {}
func (deaf) Lost(wire.HostID, error)     {}

func aHello() hello {
	return hello{version: protocolVersion, purpose: forMailbox, from: 1, to: 0, mailbox: 900, hosts: 2, pageSize: nodetest.PageSize}
}

// TestStrangersDoNotDisturb has connections of all unwanted kinds come while the job works.
func TestStrangersDoNotDisturb(t *testing.T) {
	p := newPair(t, nil)
	tr := p.tr[0]
	h := aHello()
	hb := h.encode()
	garbage := make([]byte, helloSize)
	for name, b := range map[string][]byte{
		"a web browser":       []byte("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: somebody who took the wrong port\r\n\r\n"),
		"zeros":               garbage,
		"hello and no proof":  append(hb[:], garbage[:proofSize]...),
		"hello with no magic": append([]byte("jia3join"), hb[8:]...),
	} {
		before := tr.Strangers()
		fd := stranger(t, tr)
		write(t, tr, fd, b)
		hungUp(t, tr, fd)
		if tr.Strangers() != before+1 {
			t.Errorf("%s: %d strangers counted after %d", name, tr.Strangers(), before)
		}
		p.works()
	}
	// Silent and slow ones, more than there is room for: the oldest make way.
	first := stranger(t, tr)
	write(t, tr, first, hb[:5])
	for range tr.door.most + 5 {
		stranger(t, tr)
	}
	hungUp(t, tr, first)
	p.works()
}

func TestSlowStrangerIsDropped(t *testing.T) {
	h := deaf{}
	tr, err := Listen("tcp", "127.0.0.1:0", options(0, h))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	tr.door.timeout = 30 * time.Millisecond
	if err := tr.Start([]string{tr.Addr()}); err != nil {
		t.Fatal(err)
	}
	silent, slow := stranger(t, tr), stranger(t, tr)
	write(t, tr, slow, []byte(helloMagic))
	hungUp(t, tr, silent)
	hungUp(t, tr, slow)
	if n := tr.Strangers(); n != 2 {
		t.Errorf("%d strangers counted, not 2", n)
	}
}

// TestReplayIsRefused records a handshake and plays it again, and reflects the acceptor's own MAC.
func TestReplayIsRefused(t *testing.T) {
	p := newPair(t, nil)
	tr := p.tr[0]
	deadline := time.Now().Add(patience)
	h := aHello()
	hb := h.encode()
	talk := func(proofOf func(c *[challengeSize]byte) []byte) error {
		fd := stranger(t, tr)
		write(t, tr, fd, hb[:])
		var c [challengeSize]byte
		if err := readFull(fd, c[:], tr.stopfd, deadline); err != nil {
			return err
		}
		write(t, tr, fd, proofOf(&c))
		var v [verdictSize]byte
		if err := readFull(fd, v[:], tr.stopfd, deadline); err != nil {
			return err
		}
		return readVerdict(&v, testSecret, &hb, &c)
	}
	var recorded []byte
	if err := talk(func(c *[challengeSize]byte) []byte { recorded = proof(testSecret, &hb, c); return recorded }); err != nil {
		t.Fatalf("the honest handshake: %v", err)
	}
	if err := talk(func(*[challengeSize]byte) []byte { return recorded }); !errors.Is(err, ErrSecret) {
		t.Errorf("replayed proof: %v", err)
	}
	if err := talk(func(c *[challengeSize]byte) []byte { return counterproof(testSecret, &hb, c, accepted) }); !errors.Is(err, ErrSecret) {
		t.Errorf("proof with the acceptor's label: %v", err)
	}
	other := hb
	binary.LittleEndian.PutUint32(other[24:], 901)
	if err := talk(func(c *[challengeSize]byte) []byte { return proof(testSecret, &other, c) }); !errors.Is(err, ErrSecret) {
		t.Errorf("proof for another mailbox: %v", err)
	}
	if err := talk(func(c *[challengeSize]byte) []byte { return proof(testSecret, &hb, c) }); !errors.Is(err, ErrTwice) {
		t.Errorf("second connection of one mailbox: %v", err)
	}
	p.works()
}

// TestWrongPeer connects host 1 to hosts 0 that differ in one thing from what it expects.
func TestWrongPeer(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(o *Options, addrs *[]string)
		want  error
	}{
		{"other secret", func(o *Options, _ *[]string) { o.Secret = []byte("the secret of another job") }, ErrSecret},
		{"other page size", func(o *Options, _ *[]string) { o.PageSize *= 2 }, ErrJob},
		{"other number of hosts", func(_ *Options, a *[]string) { *a = append(*a, (*a)[1]) }, ErrJob},
		{"other host id", func(o *Options, a *[]string) { o.Self = 2; *a = append(*a, (*a)[1]) }, ErrIdentity},
	} {
		h := deaf{}
		dialer, err := Listen("tcp", "127.0.0.1:0", options(1, h))
		if err != nil {
			t.Fatal(err)
		}
		o := options(0, h)
		addrs := []string{"127.0.0.1:1", dialer.Addr()}
		c.wrong(&o, &addrs)
		acceptor, err := Listen("tcp", "127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		addrs[0] = acceptor.Addr()
		done := make(chan error, 1)
		go func() { done <- acceptor.Start(addrs) }()
		err = dialer.Start([]string{acceptor.Addr(), dialer.Addr()})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), acceptor.Addr()) || !strings.Contains(err.Error(), "[") {
			t.Errorf("%s: got %v, not %v with address and remedy", c.name, err, c.want)
		}
		dialer.Close()
		acceptor.Close()
		<-done
	}
}

// TestNotAHost connects to listeners that are no JIAJIA hosts.
func TestNotAHost(t *testing.T) {
	version := encodeChallenge(accepted, 0)
	binary.LittleEndian.PutUint32(version[8:], protocolVersion+1)
	refused := encodeChallenge(otherVersion, 0)
	forged := encodeChallenge(accepted, 0)
	verdict := encodeVerdict(accepted, make([]byte, macSize))
	for _, c := range []struct {
		name   string
		answer []byte // after which the listener closes; nil: it never says anything
		want   error
	}{
		{"a mail server", []byte("220 mail ESMTP, ready to take whatever you have for us, as ever, and more than 64 bytes\r\n"), ErrStranger},
		{"one that hangs up", []byte{}, ErrStranger},
		{"one that hangs up in the middle", forged[:40], ErrStranger},
		{"one that never answers", nil, os.ErrDeadlineExceeded},
		{"one of another version", version[:], ErrVersion},
		{"one that refuses our version", refused[:], ErrVersion},
		{"one that only pretends to know the secret", append(forged[:], verdict[:]...), ErrSecret},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan bool)
		served := make(chan bool)
		go func() {
			defer close(served)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			conn.Write(c.answer)
			if c.answer == nil || len(c.answer) > challengeSize {
				<-over
			} else {
				conn.Read(make([]byte, helloSize)) // unread bytes would reset the connection
			}
		}()
		h := deaf{}
		tr, err := Listen("tcp", "127.0.0.1:0", options(1, h))
		if err != nil {
			t.Fatal(err)
		}
		tr.dialTimeout = 200 * time.Millisecond
		err = tr.Start([]string{l.Addr().String(), tr.Addr()})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "[") {
			t.Errorf("%s: got %v, not %v with address and remedy", c.name, err, c.want)
		}
		tr.Close()
		close(over)
		l.Close()
		<-served
	}
}

func TestNobodyListens(t *testing.T) {
	h := deaf{}
	tr, err := Listen("tcp", "127.0.0.1:0", options(1, h))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.Addr().String()
	gone.Close()
	tr.dialTimeout = 50 * time.Millisecond
	err = tr.Start([]string{addr, tr.Addr()})
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "host 0") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, without host, address or reason", err)
	}
}

func TestListenRefuses(t *testing.T) {
	h := deaf{}
	for name, c := range map[string]struct {
		addr  string
		wrong func(*Options)
	}{
		"an address without a host":  {":0", func(*Options) {}},
		"an address of another host": {"192.0.2.1:0", func(*Options) {}},
		"no address":                 {"nonsense", func(*Options) {}},
		"a short secret":             {"127.0.0.1:0", func(o *Options) { o.Secret = o.Secret[:15] }},
		"no handler":                 {"127.0.0.1:0", func(o *Options) { o.Handler = nil }},
		"no page size":               {"127.0.0.1:0", func(o *Options) { o.PageSize = 0 }},
	} {
		o := options(0, h)
		c.wrong(&o)
		if tr, err := Listen("tcp", c.addr, o); err == nil {
			t.Errorf("%s was accepted", name)
			tr.Close()
		}
	}
}

func TestCloseWithoutStart(t *testing.T) {
	tr, err := Listen("tcp", "127.0.0.1:0", options(0, deaf{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.OpenMailbox(900); err == nil {
		t.Error("a mailbox was opened before Start")
	}
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := tr.Start([]string{tr.Addr()}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
}

// TestCloseDuringStart closes a host that waits for another one.
func TestCloseDuringStart(t *testing.T) {
	for self, addrs := range [][]string{{"", "127.0.0.1:1"}, {"127.0.0.1:1", ""}} {
		tr, err := Listen("tcp", "127.0.0.1:0", options(self, deaf{}))
		if err != nil {
			t.Fatal(err)
		}
		addrs[self] = tr.Addr()
		done := make(chan error, 1)
		go func() { done <- tr.Start(addrs) }()
		tr.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("host %d: %v", self, err)
		}
	}
}
