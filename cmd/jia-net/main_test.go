package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func none(string) string { return "" }

func TestLoopback(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"--local"}, &stdout, &stderr, none); status != exitOK {
		t.Fatalf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
	lines := strings.Split(stdout.String(), "\n")
	fields := strings.Fields(lines[len(heading)])
	// The address, how, four times with their units, and MB/s.
	if len(fields) != 11 || fields[0] != "127.0.0.1" || fields[1] != "TCP" || fields[3] != "us" {
		t.Errorf("unexpected table:\n%s", stdout.String())
	}
}

func TestAddressOfAnotherMachine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"--local", "192.0.2.1", "127.0.0.1"}, &stdout, &stderr, none)
	if status != exitOK || !strings.Contains(stdout.String(), "failed: ") || !strings.Contains(stdout.String(), "127.0.0.1  TCP") {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
	stdout.Reset()
	status = run([]string{"--local", "192.0.2.1"}, &stdout, &stderr, none)
	if status != exitFailed || !strings.Contains(stderr.String(), "nothing could be measured") {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
}

func TestMistakes(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"serve", "a:1", "b:2"}, {"--once", "a:1"}, {"--what"}, {"serve", "--local", "a:1"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr, none); status != exitUsage || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: status %d, %s", args, status, stderr.String())
		}
	}
	for _, args := range [][]string{{"127.0.0.1:1", "nonsense"}, {"127.0.0.1:1", "x,127.0.0.1"}, {"127.0.0.1:1"}, {"serve", "192.0.2.1:7"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr, none); status != exitFailed || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: status %d, %s", args, status, stderr.String())
		}
	}
}

// serving runs the serving end with a token.
func serving(t *testing.T, token string) (at string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- accept(listener, token, false) }()
	t.Cleanup(func() {
		_ = listener.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func TestStrangersAreRefused(t *testing.T) {
	at := serving(t, "the right one")
	var stdout bytes.Buffer
	if err := measure(at, "another", nil, &stdout); !errors.Is(err, errToken) {
		t.Errorf("with another token: %v", err)
	}
	// One that says nothing, and one that sends the server its own proof back.
	for _, say := range []func(net.Conn){
		func(net.Conn) {},
		func(c net.Conn) {
			b := make([]byte, 64)
			n, _ := c.Read(b)
			_, _ = c.Write(b[:n])
			n, _ = c.Read(b)
			_, _ = c.Write(b[:n])
		},
	} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		say(c)
		_ = c.Close()
	}
	w := dial(t, at, "the right one")
	if w.key == nil {
		t.Error("no session")
	}
}

func dial(t *testing.T, at, token string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w, err := shake(c, token, false)
	if err != nil {
		t.Fatal(err)
	}
	var g greeting
	if err := w.receive(&g); err != nil {
		t.Fatal(err)
	}
	return w
}

// A connection of a measurement that lacks the session's key gets nothing, and nobody is let in by a wildcard.
func TestKeyOfTheSession(t *testing.T) {
	w := dial(t, serving(t, "token"), "token")
	var o offer
	for _, address := range []string{"0.0.0.0", "::", "", "224.0.0.1", "localhost"} {
		o = offer{}
		if err := errors.Join(w.send(request{Listen: address}), w.receive(&o), w.send(request{})); err != nil || o.Error == "" || o.TCP != "" {
			t.Errorf("%q: %v, %+v", address, err, o)
		}
	}
	o = offer{}
	if err := errors.Join(w.send(request{Listen: "127.0.0.1"}), w.receive(&o)); err != nil || o.TCP == "" {
		t.Fatalf("%v, %+v", err, o)
	}
	if _, err := overTCP(netip.Addr{}, o.TCP, make([]byte, keySize)); err == nil {
		t.Error("a wrong key has been answered")
	}
	if err := w.send(request{}); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	us := func(n float64) time.Duration { return time.Duration(n * 1000) }
	ib := path{remote: netip.MustParseAddr("10.1.0.2"), what: "ib0, MTU 2044"}
	table := table{notes: []string{"10.0.0.2: no RDMA: none"}, rows: []row{
		{path: path{remote: netip.MustParseAddr("10.0.0.2")}, how: "TCP", result: result{small: sample{us(52.12), us(130)}, page: sample{us(61), us(99.9)}, bandwidth: 117e6}},
		{path: ib, how: "READ, mlx5_0 port 1", result: result{page: sample{us(3.4), us(5)}, bandwidth: 11.6e9}},
		{path: ib, how: "TCP", err: errors.New("it rains")},
	}}
	const want = `address   through              64 B there and back  64 B there, 4 KiB back  4 KiB pages
                                  median      99 %         median     99 %         MB/s
10.0.0.2  TCP                    52.1 us  130.0 us        61.0 us  99.9 us          117
10.1.0.2  READ, mlx5_0 port 1          -         -         3.4 us   5.0 us        11600
10.1.0.2  TCP                  failed: it rains
10.1.0.2 is on ib0, MTU 2044
10.0.0.2: no RDMA: none
`
	if got := table.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
