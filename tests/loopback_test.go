package tests

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// Only this machine can reach a job on one machine.
func TestListensOnLoopbackOnly(t *testing.T) {
	r := job{program: "waiting", args: []string{"idle", "barrier", "300"}, hosts: 2}.start(t)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for limit := time.Now().Add(time.Second); len(ports) < 2 && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
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
