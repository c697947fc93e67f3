//go:build rdma

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"unsafe"

	"jiajia/rdma/verbs"
)

// address is where the other end finds this one's memory.
func (e *endpoint) address() uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(e.mem)))) }

// A reader is the measuring end.
type reader struct {
	endpoint
	there  uint64 // address and key of the other end's pages
	remote uint32
}

// overRDMA measures a path through verbs: messages, and one-sided reads.
func overRDMA(local netip.Addr, remote netip.AddrPort, key []byte) (send, read result, err error) {
	if err := verbs.Load(); err != nil {
		return send, read, fmt.Errorf("here: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &reader{}
	defer r.close()
	if err := r.connect(netip.AddrPortFrom(local, 0), remote, key); err != nil {
		return send, read, err
	}
	if send.small, err = latency(func() error { return r.trip(requestSize) }); err != nil {
		return send, read, err
	}
	if send.page, err = latency(func() error { return r.trip(pageSize) }); err != nil {
		return send, read, err
	}
	if read.page, err = latency(func() error { return r.fetch(1) }); err != nil {
		return send, read, err
	}
	read.bandwidth, err = bandwidth(func() error { return r.fetch(transfer / pageSize) })
	_ = r.id.Disconnect() // all is measured
	return send, read, err
}

func (r *reader) connect(from, to netip.AddrPort, key []byte) (err error) {
	if r.events, err = verbs.NewEventChannel(); err != nil {
		return err
	}
	r.undo = append(r.undo, r.events.Free)
	if r.id, err = r.events.NewID(); err != nil {
		return err
	}
	r.later(r.id.Free)
	const ms = int(handshakeLimit / 1e6)
	if err := r.id.ResolveAddress(from, to, ms); err != nil {
		return err
	}
	if _, err := r.await(verbs.AddressResolved); err != nil {
		return err
	}
	if err := r.id.ResolveRoute(ms); err != nil {
		return err
	}
	if _, err := r.await(verbs.RouteResolved); err != nil {
		return err
	}
	if err := r.open(); err != nil {
		return err
	}
	if err := r.id.Connect(key, r.reads); err != nil {
		return err
	}
	event, err := r.await(verbs.Established)
	if err != nil {
		return err
	}
	const told = 12
	if len(event.Data) < told {
		return fmt.Errorf("an answer of %d bytes", len(event.Data))
	}
	r.there, r.remote = binary.LittleEndian.Uint64(event.Data), binary.LittleEndian.Uint32(event.Data[8:])
	return nil
}

// trip sends a message and waits for one of so many bytes.
func (r *reader) trip(size int) error {
	if err := r.send(requestSize, uint32(size)); err != nil {
		return err
	}
	var list [2]verbs.Completion // the message that has left, and the one that has come
	for {
		n, err := r.next(list[:])
		if err != nil {
			return err
		}
		for _, c := range list[:n] {
			if c.Opcode&verbs.OpReceived != 0 {
				return r.qp.Post(c.WR, r.buffer(int(c.WR)), r.mr.Local)
			}
		}
	}
}

// fetch reads so many pages, a window of them at a time under way.
func (r *reader) fetch(pages int) error {
	list := make([]verbs.Completion, 16)
	asked := 0
	for got := 0; got < pages; {
		for ; asked < pages && asked-got < window; asked++ {
			at := asked % window * pageSize
			if err := r.qp.Read(0, r.mem[at:at+pageSize], r.mr.Local, r.there+uint64(at), r.remote, verbs.Signaled); err != nil {
				return err
			}
		}
		n, err := r.next(list)
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}
