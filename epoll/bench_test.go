package epoll

import (
	"cmp"
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

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// benchPeer holds the addresses of a benchmark's hosts in the environment of its host 1, a process of its own.
const benchPeer = "JIA_EPOLL_BENCH_PEER"

// pageServer answers requests with pages of its memory.
type pageServer struct {
	t      node.Transport
	memory []byte
	pages  [][]byte
	m      wire.Message
	lost   chan struct{}
}

func (s *pageServer) Serve(m *wire.Message, body []byte) {
	s.m = wire.Message{Type: wire.Page, From: 1, Port: m.Reply, Obj: m.Obj}
	s.pages = s.pages[:0]
	for i := range int(m.Version) {
		at := (int(m.Obj) + i*int(m.Epoch)) * nodetest.PageSize
		s.m.Carry(i)
		s.pages = append(s.pages, s.memory[at:at+nodetest.PageSize])
	}
	if err := s.t.Reply(m.From, &s.m, s.pages...); err != nil {
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
	s := &pageServer{memory: make([]byte, benchBytes), lost: make(chan struct{})}
	for at := 0; at < benchBytes; at += nodetest.PageSize {
		copy(s.memory[at:], nodetest.Content(1, 1))
	}
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

// benchmarked returns a mailbox of this process, and the service of another one at its other end.
func benchmarked(b *testing.B, spin time.Duration) node.Mailbox {
	runtime.GOMAXPROCS(max(16, runtime.GOMAXPROCS(0)))
	o := options(0, &pageServer{lost: make(chan struct{})})
	o.Spin = spin
	t, err := Listen("tcp", "127.0.0.1:0", o)
	if err != nil {
		b.Fatal(err)
	}
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
	b.Cleanup(func() {
		t.Close()
		peer.Wait()
	})
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
	return box
}

// ask fetches the pages from first on into frames.
func ask(b *testing.B, box node.Mailbox, first int, frames [][]byte, req, rep *wire.Message) {
	*req = wire.Message{Type: wire.GetPage, Reply: box.ID(), Obj: uint64(first), Version: uint64(len(frames)), Epoch: 1}
	if err := box.Send(1, req); err != nil {
		b.Fatal(err)
	}
	if err := box.Recv(1, rep, frames); err != nil {
		b.Fatal(err)
	}
}

// median sorts list.
func median[T cmp.Ordered](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkGetPage fetches 4 KiB pages from another process, and compares the median with that of a C program that does
// nothing but the same socket work. Loopback times are bimodal: about 14 us when both ends share a core, several times
// that when a sleeping core has to be woken; `taskset -c 0 go test -bench GetPage ./epoll` gives the stable figure.
func BenchmarkGetPage(b *testing.B) {
	box := benchmarked(b, 0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bare := inC(b, "pingpong", "20000")
	frame := [][]byte{make([]byte, nodetest.PageSize)}
	var req, rep wire.Message
	var took []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		ask(b, box, 1, frame, &req, &rep)
		took = append(took, time.Since(began))
	}
	b.StopTimer()
	us := float64(median(took).Nanoseconds()) / 1e3
	b.ReportMetric(us, "median-us")
	if bare > 0 {
		b.ReportMetric(bare, "C-median-us")
		b.ReportMetric(us/bare, "x-C")
	}
}

// benchBytes is how much BenchmarkWindows fetches each time.
const benchBytes = 64 << 20

// BenchmarkWindows fetches 64 MiB from another process in windows of the longest kind: into frames that exist, or into a
// buffer and from there into frames that do not, as package node does. It compares that with a bare stream in C into memory
// that exists.
func BenchmarkWindows(b *testing.B) {
	for _, fresh := range []bool{false, true} {
		b.Run(map[bool]string{false: "existing", true: "fresh"}[fresh], func(b *testing.B) {
			box := benchmarked(b, 50*time.Microsecond)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			fd, err := unix.MemfdCreate("frames", unix.MFD_CLOEXEC)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Ftruncate(fd, benchBytes); err != nil {
				b.Fatal(err)
			}
			memory, err := unix.Mmap(fd, 0, benchBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Munmap(memory)
			var frames [][]byte
			for page := range slices.Chunk(memory, nodetest.PageSize) {
				frames = append(frames, page)
			}
			clear(memory)
			window := make([]byte, wire.MaxWindow*nodetest.PageSize)
			buffer := slices.Collect(slices.Chunk(window, nodetest.PageSize))
			bare := inC(b, "stream", strconv.Itoa(benchBytes), "20")
			var req, rep wire.Message
			var mbs []float64
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				if fresh {
					if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, benchBytes); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				began := time.Now()
				for first := 0; first < len(frames); first += wire.MaxWindow {
					if !fresh {
						ask(b, box, first, frames[first:first+wire.MaxWindow], &req, &rep)
						continue
					}
					ask(b, box, first, buffer, &req, &rep)
					if _, err := unix.Pwrite(fd, window, int64(first*nodetest.PageSize)); err != nil {
						b.Fatal(err)
					}
				}
				mbs = append(mbs, benchBytes/float64(time.Since(began).Microseconds()))
			}
			b.ReportMetric(median(mbs), "MB/s")
			if bare > 0 {
				b.ReportMetric(bare, "C-MB/s")
				b.ReportMetric(median(mbs)/bare, "x-C")
			}
		})
	}
}

// inC compiles and runs a program of testdata, and returns the number that it prints, or 0 without a compiler.
func inC(b *testing.B, name string, args ...string) float64 {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		b.Log("no gcc here: nothing to compare with")
		return 0
	}
	exe := filepath.Join(b.TempDir(), name)
	if out, err := exec.Command(cc, "-O2", "-Wall", "-Wextra", "-Werror", "-o", exe, "testdata/"+name+".c").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(exe, args...).Output()
	if err != nil {
		b.Fatal(err)
	}
	figure, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return figure
}
