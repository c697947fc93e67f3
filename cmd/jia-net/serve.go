package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// accept serves clients, one after the other: two at once would measure each other. With once, only the first that knows the token.
func accept(listener net.Listener, token string, once bool) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		w, err := shake(conn, token, true)
		if err == nil {
			err = attend(w)
		}
		_ = conn.Close()
		switch {
		case once && !errors.Is(err, errToken):
			return err
		case err != nil:
			fmt.Fprintf(os.Stderr, "jia-net: %v: %v\n", conn.RemoteAddr(), err)
		}
	}
}

// attend does what a client asks for, until it goes.
func attend(w *wire) error {
	if err := w.send(greeting{Addresses: nics()}); err != nil {
		return err
	}
	for {
		var r request
		if err := w.receive(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		o, end := listen(r.Listen, w.key)
		err := w.send(o)
		if err == nil {
			err = w.receive(&r) // the client is done with it
		}
		end()
		if err != nil {
			return err
		}
	}
}

// listen offers all ways to reach one address of this machine. The caller ends them.
func listen(address string, key []byte) (o offer, end func()) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() {
		return offer{Error: fmt.Sprintf("%q is no address of one interface", address)}, func() {}
	}
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return offer{Error: err.Error()}, func() {}
	}
	go streams(tcp, key)
	o.TCP = tcp.Addr().String()
	rdma, err := listenRDMA(ip, key)
	if err != nil {
		o.NotRDMA = err.Error()
		return o, func() { _ = tcp.Close() }
	}
	o.RDMA, o.Device = rdma.port, rdma.device
	return o, func() {
		rdma.close()
		_ = tcp.Close()
	}
}

// A nic is an address of a machine and what is known about its interface.
type nic struct {
	Address string `json:"address"`
	What    string `json:"what"`
}

// nics lists the addresses that other machines could use.
func nics() []nic {
	var list []nic
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs() // none, then
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
				list = append(list, nic{n.IP.String(), describe(i)})
			}
		}
	}
	return list
}

// describe tells an interface's name and what the kernel says of its kind and speed.
func describe(i net.Interface) string {
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join("/sys/class/net", i.Name, name)) // unknown, then
		return strings.TrimSpace(string(text))
	}
	what := i.Name
	const arpInfiniband = "32"
	if read("type") == arpInfiniband {
		what += ", IPoIB " + read("mode")
	}
	if speed := read("speed"); speed != "" && speed[0] != '-' {
		what += ", " + speed + " Mbit/s"
	}
	return fmt.Sprintf("%s, MTU %d", what, i.MTU)
}
