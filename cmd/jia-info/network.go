package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

func (m machine) network() section {
	items := []item{sharedMemory(), loopback()}
	items = append(items, m.addresses()...)
	return section{"Transports", append(items, m.overRDMA())}
}

// loopback tries what hosts on one machine talk through.
func loopback() item {
	i := item{Name: "TCP on this machine", State: ok}
	var first error
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			i.Value = strings.TrimSuffix(addr, ":0")
			_ = l.Close() // it has shown what it was for
			return i
		}
		if first == nil {
			first = err
		}
	}
	i.Value, i.Why, i.State = "no loopback", first.Error(), bad
	i.Remedy = "ip link set lo up"
	return i
}

// addresses lists what hosts on other machines could connect to.
func (m machine) addresses() []item {
	const name = "TCP to other machines"
	nics, err := m.interfaces()
	if err != nil {
		return []item{{Name: name, Value: "unknown", Why: err.Error(), State: ok}}
	}
	var items []item
	for _, nic := range nics {
		if nic.Flags&net.FlagUp == 0 || nic.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := nic.Addrs() // none, then
		var usable []string
		for _, a := range addrs {
			if n, isNet := a.(*net.IPNet); isNet && n.IP.IsGlobalUnicast() {
				usable = append(usable, n.IP.String())
			}
		}
		if len(usable) == 0 {
			continue
		}
		why := "MTU " + fmt.Sprint(nic.MTU)
		if kind, _ := m.read(filepath.Join("/sys/class/net", nic.Name, "type")); kind == arpInfiniband {
			why += ", IP over InfiniBand"
		}
		if speed, found := m.number(filepath.Join("/sys/class/net", nic.Name, "speed")); found {
			why += fmt.Sprintf(", %d Mbit/s", speed)
		}
		items = append(items, item{Name: name, Value: nic.Name + ": " + strings.Join(usable, ", "), Why: why, State: ok})
	}
	if len(items) == 0 {
		items = []item{{Name: name, Value: "no address", Why: "no interface but the loopback is up with one; jobs on this machine do not need it", State: ok}}
	}
	return items
}

// arpInfiniband is the kernel's number for the kind of interface (ARPHRD_INFINIBAND).
const arpInfiniband = "32"
