package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"
)

// The shapes of page traffic.
const (
	pageSize    = 4096
	requestSize = 64       // of a message that asks for a page
	window      = 128      // pages that one request asks for, at most
	transfer    = 64 << 20 // bytes that a bandwidth is measured with
	mostAnswer  = window * pageSize
	warmUp      = 200
	rounds      = 5000            // that a latency is measured with,
	longest     = 2 * time.Second // but no more that begin after this time,
	fewest      = 50              // and at least so many
)

// streams serves TCP connections that begin with the key: each request of requestSize bytes begins with the size of its answer.
func streams(listener *net.TCPListener, key []byte) {
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			return // closed
		}
		go func() {
			s, err := plain(conn)
			if err != nil {
				return
			}
			defer s.Close()
			_ = s.answer(key) // the client sees what becomes of its connection
		}()
	}
}

// A stream is a TCP connection whose calls block in the kernel: no scheduler of Go's is in the way of a reply.
type stream struct{ *os.File }

func plain(conn *net.TCPConn) (stream, error) {
	defer conn.Close()
	_ = conn.SetNoDelay(true) // the default
	f, err := conn.File()
	if err != nil {
		return stream{}, err
	}
	f.Fd() // which makes it blocking
	return stream{f}, nil
}

// answer serves a connection until it ends.
func (s stream) answer(key []byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	got := make([]byte, len(key))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, key) {
		return errors.New("not of this session")
	}
	request, body := make([]byte, requestSize), make([]byte, mostAnswer)
	for {
		if _, err := io.ReadFull(s, request); err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(request)
		if size > mostAnswer {
			return fmt.Errorf("a request for %d bytes", size)
		}
		if _, err := s.Write(body[:size]); err != nil {
			return err
		}
	}
}

// overTCP measures a path through TCP.
func overTCP(local netip.Addr, remote string, key []byte) (r result, err error) {
	dialer := net.Dialer{Timeout: handshakeLimit}
	if local.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	conn, err := dialer.Dial("tcp", remote)
	if err != nil {
		return r, err
	}
	if at, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		r.from = at.AddrPort().Addr().Unmap()
	}
	s, err := plain(conn.(*net.TCPConn))
	if err != nil {
		return r, err
	}
	defer s.Close()
	if _, err := s.Write(key); err != nil {
		return r, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	request, body := make([]byte, requestSize), make([]byte, mostAnswer)
	ask := func(size int) error {
		binary.LittleEndian.PutUint32(request, uint32(size))
		_, err := s.Write(request)
		return err
	}
	trip := func(size int) func() error {
		return func() error {
			if err := ask(size); err != nil {
				return err
			}
			_, err := io.ReadFull(s, body[:size])
			return err
		}
	}
	if r.small, err = latency(trip(requestSize)); err != nil {
		return r, err
	}
	if r.page, err = latency(trip(pageSize)); err != nil {
		return r, err
	}
	// One request is under way while the answer to the one before is read.
	r.bandwidth, err = bandwidth(func() error {
		if err := ask(mostAnswer); err != nil {
			return err
		}
		for sent := mostAnswer; sent <= transfer; sent += mostAnswer {
			if sent < transfer {
				if err := ask(mostAnswer); err != nil {
					return err
				}
			}
			if _, err := io.ReadFull(s, body); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// latency returns how long each call of trip takes. Slow networks get fewer rounds.
func latency(trip func() error) (sample, error) {
	var times []time.Duration
	for i, start := -warmUp, time.Now(); i < rounds && (len(times) < fewest || time.Since(start) < longest); i++ {
		began := time.Now()
		if err := trip(); err != nil {
			return sample{}, err
		}
		if took := time.Since(began); i >= 0 || took > longest/warmUp {
			times = append(times, took)
		}
	}
	return newSample(times), nil
}

// bandwidth returns the bytes a second of the best of three transfers, or of fewer where they are slow.
func bandwidth(move func() error) (best float64, err error) {
	for i, start := 0, time.Now(); i < 3 && (i == 0 || time.Since(start) < longest); i++ {
		began := time.Now()
		if err := move(); err != nil {
			return 0, err
		}
		best = max(best, transfer/time.Since(began).Seconds())
	}
	return best, nil
}
