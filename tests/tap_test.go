package tests

import (
	"encoding/binary"
	"sync"
	"syscall"
	"testing"
)

// A tap records what goes over the loopback, to find handshakes of a job in it.
type tap struct {
	mu    sync.Mutex
	talks map[[2]int]*talk // by the ports of connector and acceptor
}

// A talk is what a connector said in its handshake.
type talk struct{ hello, proof []byte }

// listenIn begins to record. Only root may; others get nil.
func listenIn(t *testing.T) *tap {
	protocol := int(binary.NativeEndian.Uint16([]byte{syscall.ETH_P_IP >> 8, syscall.ETH_P_IP & 0xff}))
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, protocol)
	if err != nil {
		t.Logf("no replay of a recorded handshake: %v", err)
		return nil
	}
	const room = 16 << 20 // bytes; packets beyond are not seen, which the search for a handshake would tell
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, room)
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 100000})
	p := &tap{talks: make(map[[2]int]*talk)}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 1<<16); ; {
			n, _, err := syscall.Recvfrom(fd, b, 0)
			if err == nil {
				p.packet(b[:n])
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		_ = syscall.Close(fd)
	})
	return p
}

// packet looks at an IPv4 packet. A handshake's two messages are the first segments with bytes, of known lengths.
func (p *tap) packet(b []byte) {
	if len(b) < 20 || b[9] != syscall.IPPROTO_TCP {
		return
	}
	tcp := b[4*int(b[0]&15):]
	if len(tcp) < 20 {
		return
	}
	ports := [2]int{int(binary.BigEndian.Uint16(tcp)), int(binary.BigEndian.Uint16(tcp[2:]))}
	data := tcp[4*int(tcp[12]>>4):]
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(data) == 72 && string(data[:8]) == "JIA3join" {
		p.talks[ports] = &talk{hello: append([]byte(nil), data...)}
	} else if t := p.talks[ports]; t != nil && t.proof == nil && len(data) == 32 {
		t.proof = append([]byte(nil), data...)
	}
}

// recorded returns a handshake between hosts of the job, at the given port: one of its start.
func (p *tap) recorded(a *target) *talk {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ports, talk := range p.talks {
		if ports[1] == a.port && talk.proof != nil && binary.LittleEndian.Uint32(talk.hello[8:]) == a.version &&
			string(talk.proof) != string(make([]byte, 32)) {
			return talk
		}
	}
	a.t.Errorf("port %d: no handshake with it among the %d that were recorded", a.port, len(p.talks))
	return &talk{hello: a.hello(), proof: make([]byte, 32)}
}
