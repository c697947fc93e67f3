package tests

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Only this machine can reach a job on one machine.
func TestListensOnLoopbackOnly(t *testing.T) {
	r := job{program: "endure", hosts: 2, env: []string{overTCP}}.start(t)
	r.await("running", func(out string) bool { return strings.Contains(out, "endure: running") })
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for _, pid := range processes(r.tag) {
		ports = append(ports, listeningPorts(pid)...)
	}
	if len(ports) != 2 {
		t.Errorf("two hosts listen on ports %v", ports)
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
	touch(t, r, "stop")
	r.wait().good(t, "endure: ok")
}
