package epoll

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

var testSecret = []byte("a secret that only tests know...")

// options are those of a host of the tests' job.
func options(self int, h node.Handler) Options {
	return Options{Self: wire.HostID(self), Secret: testSecret, Handler: h, PageSize: nodetest.PageSize}
}

// start makes a cluster that listens on bind.
func start(t testing.TB, bind string, spin time.Duration, handlers []node.Handler) []*Transport {
	t.Helper()
	return startWith(t, bind, handlers, func(o *Options) { o.Spin = spin }, func(*Transport) {})
}

// startWith is start with changes to each host before and after it listens.
func startWith(t testing.TB, bind string, handlers []node.Handler, change func(*Options), prepare func(*Transport)) []*Transport {
	t.Helper()
	var ts []*Transport
	for i, h := range handlers {
		o := options(i, h)
		change(&o)
		tr, err := Listen("tcp", bind, o)
		if err != nil {
			t.Fatal(err)
		}
		prepare(tr)
		ts = append(ts, tr)
	}
	join(t, ts, func(tr *Transport) string { return tr.Addr() })
	return ts
}

// join starts transports as one job, under the addresses that advertise returns.
func join(t testing.TB, ts []*Transport, advertise func(*Transport) string) {
	t.Helper()
	var addrs []string
	for _, tr := range ts {
		addrs = append(addrs, advertise(tr))
	}
	errs := make([]error, len(ts))
	var wg sync.WaitGroup
	for i, tr := range ts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = tr.Start(addrs)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func maker(bind string, spin time.Duration) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) []node.Transport {
		var r []node.Transport
		for _, tr := range start(t, bind, spin, handlers) {
			r = append(r, tr)
		}
		return r
	}
}

func TestConformance(t *testing.T) { nodetest.Run(t, maker("127.0.0.1:0", 0)) }

func TestConformanceSpinning(t *testing.T) {
	nodetest.Run(t, maker("127.0.0.1:0", 30*time.Microsecond))
}

func TestConformanceIPv6(t *testing.T) {
	fd, _, err := listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 loopback here: %v", err)
	}
	unix.Close(fd)
	nodetest.Run(t, maker("[::1]:0", 0))
}

// TestMain fails the package when something is left open or running after all tests.
func TestMain(m *testing.M) {
	if addrs := os.Getenv(benchPeer); addrs != "" {
		servePages(addrs)
		return
	}

	if r, w, err := os.Pipe(); err == nil { // brings Go's own poller to life, which stays
		r.Close()
		w.Close()
	}
	fds, goroutines := openFiles(), runtime.NumGoroutine()
	code := m.Run()
	if code == 0 {
		code = leaks(fds, goroutines)
	}
	os.Exit(code)
}

func leaks(fds map[string]string, goroutines int) int {
	code := 0
	for fd, target := range openFiles() {
		if fds[fd] != target && !strings.HasPrefix(target, "/") {
			fmt.Fprintf(os.Stderr, "left open: descriptor %s, %s\n", fd, target)
			code = 1
		}
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
