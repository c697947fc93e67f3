package shm

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

var testSecret = []byte("a secret that only tests know...")

// options are those of a host of the tests' job.
func options(self, hosts int, h node.Handler) Options {
	return Options{Self: wire.HostID(self), Hosts: hosts, Secret: testSecret, Handler: h, PageSize: nodetest.PageSize}
}

// start makes a job of one host for each handler.
func start(t testing.TB, handlers []node.Handler, change func(*Options)) []*Transport {
	t.Helper()
	var ts []*Transport
	for i, h := range handlers {
		o := options(i, len(handlers), h)
		change(&o)
		tr, err := Listen(o)
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, tr)
	}
	join(t, ts)
	return ts
}

// join has hosts meet and serve each other.
func join(t testing.TB, ts []*Transport) {
	t.Helper()
	for i, refused := range try(t, ts) {
		for j, err := range refused {
			if err != nil {
				t.Fatalf("host %d cannot reach host %d: %v", i, j, err)
			}
		}
		keep := make([]bool, len(ts))
		for j := range keep {
			keep[j] = i != j
		}
		if err := ts[i].Start(keep); err != nil {
			t.Fatal(err)
		}
	}
}

// try has hosts meet, and returns what each says about the others.
func try(t testing.TB, ts []*Transport) [][]error {
	t.Helper()
	var cards []string
	for _, tr := range ts {
		card, why := tr.Card()
		if card == "" {
			t.Fatal(why)
		}
		cards = append(cards, card)
	}
	refused := make([][]error, len(ts))
	var all sync.WaitGroup
	for i, tr := range ts {
		all.Add(1)
		go func() {
			defer all.Done()
			refused[i] = tr.Try(cards)
		}()
	}
	all.Wait()
	return refused
}

func maker(spin time.Duration) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		for _, tr := range start(t, handlers, func(o *Options) { o.Spin = spin }) {
			r = append(r, tr)
		}
		return r
	}
}

func TestConformance(t *testing.T) { nodetest.Run(t, maker(0)) }

func TestConformanceSpinning(t *testing.T) { nodetest.Run(t, maker(30*time.Microsecond)) }

func TestDirect(t *testing.T) { nodetest.RunDirect(t, startDirect) }

func TestWordsOfOtherHosts(t *testing.T) { nodetest.RunWords(t, startDirect) }

// startDirect starts transports of hosts with memory.
func startDirect(t testing.TB, handlers []node.Handler, memory []nodetest.Memory) (r []node.Transport) {
	for _, tr := range start(t, handlers, func(o *Options) {
		if m := memory[o.Self]; m.Fd >= 0 {
			o.Memory = Memory{m.Fd, uint64(len(m.Bytes))}
		}
	}) {
		r = append(r, tr)
	}
	return r
}

// TestMain fails the package when something is left open or running after all tests.
func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		runChild(what)
		return
	}

	if r, w, err := os.Pipe(); err == nil { // brings Go's own poller to life, which stays
		r.Close()
		w.Close()
	}
	fds, goroutines, maps := openFiles(), runtime.NumGoroutine(), mappings()
	code := m.Run()
	if fuzzing := flag.Lookup("test.fuzz").Value.String() != ""; code == 0 && !fuzzing { // whose own goroutines stay
		code = leaks(fds, goroutines, maps)
	}
	os.Exit(code)
}

func leaks(fds map[string]string, goroutines, maps int) int {
	code := 0
	for fd, target := range openFiles() {
		if fds[fd] != target && (!strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/memfd:")) {
			fmt.Fprintf(os.Stderr, "left open: descriptor %s, %s\n", fd, target)
			code = 1
		}
	}
	if n := mappings(); n > maps {
		fmt.Fprintf(os.Stderr, "left mapped: %d memfds\n", n-maps)
		code = 1
	}
	// Goroutines that have done their work may still be on the way out.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "left running: %d goroutines\n%s\n", n-goroutines, buf[:runtime.Stack(buf, true)])
		code = 1
	}
	return code
}

// openFiles returns what the process's descriptors refer to.
func openFiles() map[string]string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files[e.Name()] = target
		}
	}
	return files
}

// mappings counts the mappings of memfds.
func mappings() int {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	return strings.Count(string(b), "/memfd:")
}
