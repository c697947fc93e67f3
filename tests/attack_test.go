package tests

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The lines that a host logs, once each, about those who knock and do not belong to the job.
var refusals = []string{
	"is no handshake of this library", "did not prove in time", "another version of the protocol", "it looks for another host",
	"does not know the secret",
}

// TestAttackedJob has everything that is not a host of the job come to every port of a job that works: garbage, a wrong
// version, host and secret, a handshake that was recorded from the job itself, silence, half a handshake, and floods of each.
// The job's answer is right, each host has logged each kind once, and no descriptor stays behind.
func TestAttackedJob(t *testing.T) {
	tap := listenIn(t)
	r := job{program: "endure", hosts: 4, env: []string{overTCP}, deadline: 3 * time.Minute}.start(t)
	r.await("running", func(out string) bool { return strings.Contains(out, "endure: running") })
	var targets []*target
	for _, pid := range processes(r.tag) {
		for _, port := range listeningPorts(pid) {
			targets = append(targets, &target{t: t, pid: pid, port: port, before: len(descriptors(pid))})
		}
	}
	if len(targets) != 4 {
		r.late(fmt.Sprintf("%d ports", len(targets)))
	}
	var each sync.WaitGroup
	for _, a := range targets {
		each.Add(1)
		go func() {
			defer each.Done()
			a.attack(tap)
		}()
	}
	each.Wait()
	for _, a := range targets {
		a.wait("its descriptors to be as many as before", func() bool { return len(descriptors(a.pid)) == a.before })
	}

	// Floods, while threads of the job open connections of their own.
	stop := make(chan struct{})
	for _, a := range targets {
		for _, knock := range []func() net.Conn{a.garbage, a.wrongSecret, a.silent} {
			each.Add(1)
			go func() {
				defer each.Done()
				a.flood(knock, stop)
			}()
		}
	}
	touch(t, r, "more")
	r.await("more", func(out string) bool { return strings.Contains(out, "endure: more") })
	close(stop)
	each.Wait()
	for _, a := range targets {
		a.wait("no connection of a stranger to be left", func() bool { return closeWaits(a.pid) == 0 })
	}
	touch(t, r, "stop")
	result := r.wait()
	if result.status != 0 || !strings.Contains(result.stdout, "endure: ok") {
		t.Fatalf("%s\nstdout:\n%s\nstderr:\n%s", describe(result.status), tail(result.stdout), tail(result.stderr))
	}
	lines := strings.Split(strings.TrimSpace(result.stderr), "\n")
	for host := range 4 {
		for _, refusal := range refusals {
			n := 0
			for _, line := range lines {
				if strings.HasPrefix(line, fmt.Sprintf("jia: host %d: warn: refused a connection from 127.0.0.1: ", host)) && strings.Contains(line, refusal) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("host %d: %d lines with %q", host, n, refusal)
			}
		}
	}
	if most := 4 * (len(refusals) + 1); len(lines) > most { // and perhaps one that there are too many at once
		t.Errorf("%d lines, at most %d are expected:\n%s", len(lines), most, tail(result.stderr))
	}
	t.Logf("%s; %d connections in the floods", lastLine(result.stdout), flooded(targets))
}

func touch(t *testing.T, r *running, name string) {
	if err := os.WriteFile(filepath.Join(r.dir, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// A target is a port of the job.
type target struct {
	t       *testing.T
	pid     int
	port    int
	before  int    // descriptors of the process
	version uint32 // of the protocol, once the host has told
	host    uint32 // its id, likewise
	mu      sync.Mutex
	count   int // connections of floods
}

func flooded(targets []*target) (n int) {
	for _, a := range targets {
		n += a.count
	}
	return n
}

// attack comes with each kind, one after the other, more than once.
func (a *target) attack(tap *tap) {
	// Two that stay: how long the host puts up with them is looked at in the end.
	began := time.Now()
	silent, half := a.silent(), a.dial()
	a.write(half, a.hello()[:30])
	for range 50 {
		a.refused(a.garbage())
		a.refused(a.otherVersion())
		a.refused(a.otherHost())
		a.refused(a.wrongSecret())
	}
	if tap != nil {
		talk := tap.recorded(a)
		conn := a.dial()
		a.write(conn, talk.hello)
		a.challenge(conn)
		a.write(conn, talk.proof)
		a.refused(conn)
	}
	for _, conn := range []net.Conn{silent, half} {
		a.refused(conn)
		if took := time.Since(began); took < 4*time.Second {
			a.t.Errorf("port %d: a slow connection was dropped after %v", a.port, took)
		}
	}
}

// flood repeats one kind from a loop until stop is closed. The last connections stay open meanwhile, as in any flood.
func (a *target) flood(knock func() net.Conn, stop chan struct{}) {
	const held = 300
	var open []net.Conn
	for {
		select {
		case <-stop:
			for _, conn := range open {
				_ = conn.Close()
			}
			return
		default:
		}
		open = append(open, knock())
		if len(open) > held {
			_ = open[0].Close()
			open = open[1:]
		}
		a.mu.Lock()
		a.count++
		a.mu.Unlock()
	}
}

func (a *target) dial() net.Conn {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", a.port))
	if err != nil {
		panic(err) // the job is gone, or this process has no descriptors left
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// write may meet a connection that has been closed already, which is for refused to find.
func (a *target) write(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

func (a *target) silent() net.Conn { return a.dial() }

func (a *target) garbage() net.Conn {
	conn := a.dial()
	b := make([]byte, 1+rand.IntN(300))
	for i := range b {
		b[i] = byte(rand.Uint32()) | 0x80
	}
	a.write(conn, b)
	return conn
}

// hello is what a host of the job would say, as far as a stranger can know.
func (a *target) hello() []byte {
	b := append([]byte("JIA3join"), make([]byte, 64)...)
	for i, v := range []uint32{a.version, 2, (a.host + 1) % 4, a.host, 900, 4, 4096} {
		binary.LittleEndian.PutUint32(b[8+4*i:], v)
	}
	return b
}

// challenge reads the host's answer to a hello, which tells who it is.
func (a *target) challenge(conn net.Conn) bool {
	b := make([]byte, 64)
	_, err := io.ReadFull(conn, b)
	return err == nil && string(b[:8]) == "JIA3here"
}

func (a *target) otherVersion() net.Conn {
	conn := a.dial()
	hello := a.hello()
	binary.LittleEndian.PutUint32(hello[8:], 77)
	a.write(conn, hello)
	b := make([]byte, 64)
	if _, err := io.ReadFull(conn, b); err != nil {
		a.t.Errorf("port %d: no answer to a hello: %v", a.port, err)
	}
	a.version, a.host = binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[16:])
	return conn
}

func (a *target) otherHost() net.Conn {
	conn := a.dial()
	hello := a.hello()
	binary.LittleEndian.PutUint32(hello[20:], a.host+1)
	a.write(conn, hello)
	a.challenge(conn)
	return conn
}

func (a *target) wrongSecret() net.Conn {
	conn := a.dial()
	a.write(conn, a.hello())
	if a.challenge(conn) {
		a.write(conn, make([]byte, 32))
	}
	return conn
}

// refused waits until the host closes a connection.
func (a *target) refused(conn net.Conn) {
	if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
		a.t.Errorf("port %d: a stranger's connection stays open", a.port)
	}
	_ = conn.Close()
}

// wait waits for something to become true, for a while.
func (a *target) wait(what string, yes func() bool) {
	for limit := time.Now().Add(20 * time.Second); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			a.t.Errorf("port %d: waited too long for %s: %d descriptors, %d before", a.port, what, len(descriptors(a.pid)), a.before)
			return
		}
	}
}
