package epoll

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// benchPeer holds the addresses of a benchmark's hosts in the environment of its host 1, a process of its own.
const benchPeer = "JIA_EPOLL_BENCH_PEER"

// pageServer answers every request with one page.
type pageServer struct {
	t    node.Transport
	page [][]byte
	m    wire.Message
	lost chan struct{}
}

func (s *pageServer) Serve(m *wire.Message, body []byte) {
	s.m = wire.Message{Type: wire.Page, From: 1, Port: m.Reply, Obj: m.Obj, Version: 1}
	if err := s.t.Reply(m.From, &s.m, s.page...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (s *pageServer) Data(*wire.Message, []byte) {}

func (s *pageServer) Full() bool { return false }

func (s *pageServer) Stalled(wire.HostID) {}

func (s *pageServer) Lost(wire.HostID, error) { close(s.lost) }

// servePages is the life of host 1: it prints its address, and ends when host 0 does.
func servePages(addr0 string) {
	runtime.GOMAXPROCS(max(16, runtime.GOMAXPROCS(0)))
	s := &pageServer{page: [][]byte{nodetest.Content(1, 1)}, lost: make(chan struct{})}
	t, err := Listen("tcp", "127.0.0.1:0", options(1, s))
	if err != nil {
		panic(err)
	}
	s.t = t
	fmt.Println(t.Addr())
	if err := t.Start([]string{addr0, t.Addr()}); err != nil {
		panic(err)
	}
	<-s.lost
	t.Close()
}

// BenchmarkGetPage fetches 4 KiB pages from another process, and compares the median with that of a C program that does
// nothing but the same socket work. Loopback times are bimodal: about 14 us when both ends share a core, several times
// that when a sleeping core has to be woken; `taskset -c 0 go test -bench GetPage ./epoll` gives the stable figure.
func BenchmarkGetPage(b *testing.B) {
	runtime.GOMAXPROCS(max(16, runtime.GOMAXPROCS(0)))
	t, err := Listen("tcp", "127.0.0.1:0", options(0, &pageServer{lost: make(chan struct{})}))
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	peer := exec.Command(os.Args[0])
	peer.Env = append(os.Environ(), benchPeer+"="+t.Addr())
	peer.Stderr = os.Stderr
	out, err := peer.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		b.Fatal(err)
	}
	defer peer.Wait()
	defer t.Close()
	var addr1 string
	if _, err := fmt.Fscan(out, &addr1); err != nil {
		b.Fatal(err)
	}
	if err := t.Start([]string{t.Addr(), addr1}); err != nil {
		b.Fatal(err)
	}
	box, err := t.OpenMailbox(900)
	if err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bare := pingPong(b)
	frame := [][]byte{make([]byte, nodetest.PageSize)}
	var req, rep wire.Message
	var took []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		req = wire.Message{Type: wire.GetPage, Reply: box.ID(), Obj: 1, Version: 1, Epoch: 1}
		if err := box.Send(1, &req); err != nil {
			b.Fatal(err)
		}
		if err := box.Recv(1, &rep, frame); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	b.StopTimer()
	slices.Sort(took)
	us := float64(took[len(took)/2].Nanoseconds()) / 1e3
	b.ReportMetric(us, "median-us")
	if bare > 0 {
		b.ReportMetric(bare, "C-median-us")
		b.ReportMetric(us/bare, "x-C")
	}
}

// pingPong compiles and runs testdata/pingpong.c and returns its median, in us, or 0 without a compiler.
func pingPong(b *testing.B) float64 {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		b.Log("no gcc here: nothing to compare with")
		return 0
	}
	exe := filepath.Join(b.TempDir(), "pingpong")
	if out, err := exec.Command(cc, "-O2", "-Wall", "-Wextra", "-Werror", "-o", exe, "testdata/pingpong.c").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(exe, "20000").Output()
	if err != nil {
		b.Fatal(err)
	}
	us, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return us
}
