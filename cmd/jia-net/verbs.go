//go:build rdma

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

// Memory of one end of a connection: pages to be read, or that were read; then buffers for messages.
const (
	buffersAt = mostAnswer
	buffers   = 4
	memory    = buffersAt + buffers*pageSize
)

// An endpoint is one end of a connection and all that belongs to it. One thread uses it at a time.
type endpoint struct {
	events *verbs.EventChannel
	id     *verbs.ID
	comp   *verbs.Channel
	cq     *verbs.CQ
	qp     *verbs.QP
	mr     *verbs.MR
	mem    []byte
	reads  int         // that may be under way at once
	stop   atomic.Bool // ends a wait
	undo   []func()    // in the order of creation
}

func (e *endpoint) close() {
	for i := len(e.undo) - 1; i >= 0; i-- {
		e.undo[i]()
	}
	e.undo = nil
}

// later has close call a function whose error nobody could do anything about.
func (e *endpoint) later(free func() error) { e.undo = append(e.undo, func() { _ = free() }) }

// open makes everything but the connection, on the device that the ID is bound to.
func (e *endpoint) open() error {
	device, ok := e.id.Context()
	if !ok {
		return verbs.ErrNoDevice
	}
	limits, err := device.Limits()
	if err != nil {
		return err
	}
	const most = 128 // what its field in the connection request can hold
	e.reads = min(limits.ReadsAtOnce, most)
	pd, err := device.NewPD()
	if err != nil {
		return err
	}
	e.later(pd.Free)
	if e.mem, err = unix.Mmap(-1, 0, memory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	e.later(func() error { return unix.Munmap(e.mem) })
	if e.mr, err = pd.Register(e.mem, verbs.LocalWrite|verbs.RemoteRead); err != nil {
		return verbs.Locked(err, memory)
	}
	e.later(e.mr.Free)
	if e.comp, err = device.NewChannel(); err != nil {
		return err
	}
	e.later(e.comp.Free)
	const entries = window + 2*buffers
	if e.cq, err = device.NewCQ(2*entries, 0, e.comp); err != nil {
		return err
	}
	e.later(e.cq.Free)
	if e.qp, err = e.id.NewQP(pd, &verbs.Want{Send: e.cq, Recv: e.cq, SendEntries: entries, Buffers: buffers, Inline: requestSize}); err != nil {
		return err
	}
	e.later(e.qp.Free)
	for i := range buffers {
		if err := e.qp.Post(uint64(i), e.buffer(i), e.mr.Local); err != nil {
			return err
		}
	}
	return e.id.SetTimeout()
}

func (e *endpoint) buffer(i int) []byte {
	return e.mem[buffersAt+i*pageSize:][:pageSize]
}

// await waits for an event.
func (e *endpoint) await(want verbs.EventType) (*verbs.Event, error) {
	for until := time.Now().Add(handshakeLimit); ; {
		event, err := e.events.Next()
		switch {
		case err == nil && event.Type == want:
			return event, nil
		case err == nil:
			return nil, fmt.Errorf("%v (%d) in the place of %v", event.Type, event.Status, want)
		case err != unix.EAGAIN:
			return nil, err
		case time.Now().After(until):
			return nil, fmt.Errorf("no %v within %v", want, handshakeLimit)
		case e.stop.Load():
			return nil, unix.ECANCELED
		}
		readable(e.events.FD)
	}
}

// readable waits until a descriptor is, for a tenth of a second at most.
func readable(fd int) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100) // the caller looks for itself
}

// next waits for completions: it polls for a while, as a program in a hurry does, and then sleeps.
func (e *endpoint) next(list []verbs.Completion) (int, error) {
	const patience = time.Millisecond
	armed := false
	for began := time.Now(); ; {
		n, err := e.cq.Poll(list)
		if err != nil {
			return 0, err
		}
		for i := range n {
			if err := list[i].Err(); err != nil {
				return 0, err
			}
		}
		switch {
		case n > 0:
			return n, nil
		case e.stop.Load():
			return 0, unix.ECANCELED
		case armed:
			readable(e.comp.FD)
			for ok := true; ok; {
				_, ok = e.comp.Event()
			}
			armed = false
		case time.Since(began) > patience:
			if err := e.cq.Notify(); err != nil {
				return 0, err
			}
			armed = true // and look once more: something may have come before
		default:
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // the other end may be on this processor
		}
	}
}

// A rdmaListener serves connections of one session, one after the other.
type rdmaListener struct {
	endpoint // of the listener itself, and then of the connection
	port     int
	device   string
	done     chan struct{}
}

func (l *rdmaListener) close() {
	l.stop.Store(true)
	<-l.done
}

// listenRDMA listens at an address of this machine, if it belongs to a device.
func listenRDMA(ip netip.Addr, key []byte) (*rdmaListener, error) {
	if err := verbs.Load(); err != nil {
		return nil, err
	}
	ports, err := verbs.Ports()
	if err == nil {
		err = verbs.Inactive(ports)
	}
	if err != nil {
		return nil, err
	}
	l := &rdmaListener{done: make(chan struct{})}
	if err := l.bind(ip); err != nil {
		l.endpoint.close()
		return nil, err
	}
	l.port, l.device = int(l.id.LocalPort()), l.id.Device()
	go l.serve(key)
	return l, nil
}

func (l *rdmaListener) bind(ip netip.Addr) (err error) {
	if l.events, err = verbs.NewEventChannel(); err != nil {
		return err
	}
	l.undo = append(l.undo, l.events.Free)
	if l.id, err = l.events.NewID(); err != nil {
		return err
	}
	l.later(l.id.Free)
	if err := l.id.Bind(netip.AddrPortFrom(ip, 0)); err != nil {
		return fmt.Errorf("%v belongs to no RDMA device: %w", ip, err)
	}
	if _, ok := l.id.Context(); !ok {
		return fmt.Errorf("%v belongs to no RDMA device", ip)
	}
	return l.id.Listen(1)
}

// serve waits for the session's client and answers it until close.
func (l *rdmaListener) serve(key []byte) {
	defer close(l.done)
	defer l.endpoint.close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stop.Load() {
		event, err := l.await(verbs.Requested)
		if err != nil {
			continue // nobody yet
		}
		l.id = event.New
		l.later(l.id.Free)
		if !bytes.HasPrefix(event.Data, key) {
			_ = l.id.Reject(nil) // a stranger's loss
			continue
		}
		if l.open() == nil && l.id.Accept(l.invitation(), l.reads) == nil {
			_ = l.answer() // the client sees what becomes of its connection
		}
		for !l.stop.Load() {
			readable(l.events.FD)
		}
	}
}

// invitation tells the client where the pages are.
func (l *rdmaListener) invitation() []byte {
	b := binary.LittleEndian.AppendUint64(nil, l.address())
	return binary.LittleEndian.AppendUint32(b, l.mr.Remote)
}

// answer sends as many bytes as each message's 32 bits ask for.
func (e *endpoint) answer() error {
	list := make([]verbs.Completion, buffers)
	for {
		n, err := e.next(list)
		if err != nil {
			return err
		}
		for _, c := range list[:n] {
			if c.Opcode&verbs.OpReceived == 0 {
				continue
			}
			if err := e.qp.Post(c.WR, e.buffer(int(c.WR)), e.mr.Local); err != nil {
				return err
			}
			if err := e.send(int(min(c.Imm, pageSize)), 0); err != nil {
				return err
			}
		}
	}
}

// send sends the first bytes of the memory, with a number beside them.
func (e *endpoint) send(size int, number uint32) error {
	flags := verbs.Signaled
	if size <= e.qp.Inline {
		flags |= verbs.Inline
	}
	return e.qp.Send(0, e.mem[:size], e.mr.Local, number, flags)
}
