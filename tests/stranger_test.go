package tests

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// Others on the machine can reach the job's ports. Whatever they send, the job goes on, and they learn nothing.
func TestStrangers(t *testing.T) {
	r := job{program: "waiting", args: []string{"idle", "barrier", "1500"}, hosts: 3, env: []string{"JIA_SPIN=off"}}.start(t)
	ports := make(map[int]bool)
	for limit := r.began.Add(r.job.deadline); len(ports) < 3; time.Sleep(5 * time.Millisecond) {
		for _, pid := range processes(r.tag) {
			for _, port := range listeningPorts(pid) {
				ports[port] = true
			}
		}
		if time.Now().After(limit) {
			r.late(fmt.Sprintf("listens on ports %v only", ports))
		}
	}
	garbage := make([]byte, 1<<16)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range garbage {
		garbage[i] = byte(source.Uint32())
	}
	var open []net.Conn
	for port := range ports {
		for _, text := range [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), garbage, make([]byte, 4096), garbage[:7]} {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Errorf("port %d: %v", port, err)
				continue
			}
			open = append(open, conn) // stays open, silent, to the end of the test
			_, _ = conn.Write(text)   // may meet a closed connection: that is one right answer
		}
		// What the host says first, sent back to it: a wrong answer in the right form.
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Errorf("port %d: %v", port, err)
			continue
		}
		open = append(open, conn)
		_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
		hello := make([]byte, 256)
		if n, _ := io.ReadAtLeast(conn, hello, 1); n > 0 {
			_, _ = conn.Write(bytes.Repeat(hello[:n], 2))
		}
	}
	r.wait().good(t, "waiting: ok")
	for _, conn := range open {
		_ = conn.Close()
	}
}

// Only this machine can reach a job on one machine.
func TestListensOnLoopbackOnly(t *testing.T) {
	r := job{program: "waiting", args: []string{"idle", "barrier", "300"}, hosts: 2}.start(t)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for limit := r.began.Add(r.job.deadline); len(ports) < 2 && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		ports = nil
		for _, pid := range processes(r.tag) {
			ports = append(ports, listeningPorts(pid)...)
		}
	}
	tried := 0
	for _, address := range addresses {
		ip, _, err := net.ParseCIDR(address.String())
		if err != nil || ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		for _, port := range ports {
			tried++
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(port)), time.Second)
			if err == nil {
				t.Errorf("port %d answers on %v", port, ip)
				_ = conn.Close()
			}
		}
	}
	t.Logf("%d ports, %d attempts", len(ports), tried)
	r.wait().good(t, "")
}
