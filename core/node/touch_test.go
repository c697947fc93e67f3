package node_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/region"
	"jiajia/core/region/regiontest"
	"jiajia/core/stats"
	"jiajia/core/wire"
	"jiajia/epoll"
	"jiajia/shm"
)

// Hosts of a job, each a process of its own, whose pages get their homes by first touch. What a host is to be stands in its
// environment: "TRANSPORT BACKEND HOST". It prints how others find it, reads that of all, and prints what it has seen.
const (
	hostEnv    = "JIA_NODE_TEST_HOST"
	hostPage   = 4096
	touchHosts = 3
	touchPages = 300 // of each of the parts of the program
)

// seen is what a host tells about its run.
type seen struct {
	Wrong []string
	Homes []wire.HostID // of the pages of the first two parts
	// Of pages written first, and of pages of another host: how long the first store to each took, and the barrier after them
	// for each page, in ns.
	Took  [2][]int64
	Flush [2]int64
}

type host struct {
	*node.Node
	self wire.HostID
	seen seen
}

// TestFirstTouch: whoever writes a page first gets it as its home, which all agree on, without a diff; and what hosts write at the
// same time is kept, whosever the page becomes. It prints what such a store costs, against one to a page of another host.
func TestFirstTouch(t *testing.T) {
	if os.Getenv(hostEnv) != "" {
		beHost()
		return
	}
	for _, way := range []string{"memory", "tcp"} {
		for _, backend := range []region.Mode{region.Mprotect, region.Auto} {
			t.Run(fmt.Sprintf("%s/%s", way, backend), func(t *testing.T) {
				all := runHosts(t, way, string(backend))
				var took [2][]int64
				var flush [2]int64
				for i, s := range all {
					for _, w := range s.Wrong {
						t.Errorf("host %d: %s", i, w)
					}
					if !slices.Equal(s.Homes, all[0].Homes) {
						t.Errorf("hosts 0 and %d do not agree on the homes", i)
					}
					for k := range took {
						took[k], flush[k] = append(took[k], s.Took[k]...), max(flush[k], s.Flush[k])
					}
				}
				t.Logf("a store that decides the home: %.1f us, and %.1f us in the barrier; to a page of another host: %.1f us, and %.1f us",
					median(took[0]), float64(flush[0])/1e3, median(took[1]), float64(flush[1])/1e3)
			})
		}
	}
}

func median(ns []int64) float64 {
	slices.Sort(ns)
	return float64(ns[len(ns)/2]) / 1e3
}

// runHosts runs a job and returns what its hosts have seen.
func runHosts(t *testing.T, way, backend string) []seen {
	t.Helper()
	all := make([]seen, touchHosts)
	cards := make([]string, touchHosts)
	cmds := make([]*exec.Cmd, touchHosts)
	ins, outs := make([]*os.File, touchHosts), make([]*bufio.Reader, touchHosts)
	for i := range cmds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFirstTouch$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", hostEnv, way, backend, i))
		cmd.Stderr = os.Stderr
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		cmd.Stdin, ins[i] = r, w
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		cmds[i], outs[i] = cmd, bufio.NewReaderSize(out, 1<<20)
		defer cmd.Process.Kill() // fails when it has ended
		if cards[i], err = outs[i].ReadString('\n'); err != nil {
			t.Fatalf("host %d: %v", i, err)
		}
	}
	for _, in := range ins {
		fmt.Fprint(in, strings.Join(cards, ""))
	}
	for i, cmd := range cmds {
		line, err := outs[i].ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &all[i])
		}
		if err := errors.Join(err, cmd.Wait()); err != nil {
			t.Fatalf("host %d: %v %s", i, err, line)
		}
	}
	return all
}

// beHost is the life of one host.
func beHost() {
	runtime.LockOSThread() // its locks and its time belong to a thread
	runtime.GOMAXPROCS(16) // threads that fault hold one each
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0) // what the testing package prints is no answer
}

func run() error {
	var way, backend string
	h := &host{}
	if _, err := fmt.Sscan(os.Getenv(hostEnv), &way, &backend, &h.self); err != nil {
		return err
	}
	var err error
	h.Node, err = node.Open(node.Config{Self: h.self, Hosts: touchHosts, RegionBytes: 4 * touchPages * hostPage, PageSize: hostPage,
		Fault: region.Mode(backend), ReadAhead: 16, Fail: func(line string) { fmt.Fprintln(os.Stderr, line); os.Exit(1) }})
	if err == nil {
		err = h.join(way)
	}
	if err != nil {
		return err
	}
	h.BeginStats()
	h.program()
	return json.NewEncoder(os.Stdout).Encode(h.seen)
}

// join joins the other hosts over one transport.
func (h *host) join(way string) error {
	secret := []byte("a secret that only tests know...")
	cards := make([]string, touchHosts)
	exchange := func(card string) error {
		fmt.Println(card)
		for i, in := 0, bufio.NewReader(os.Stdin); i < touchHosts; i++ {
			line, err := in.ReadString('\n')
			if err != nil {
				return err
			}
			cards[i] = strings.TrimSpace(line)
		}
		return nil
	}
	if way == "tcp" {
		t, err := epoll.Listen("tcp", "127.0.0.1:0", epoll.Options{Self: h.self, Secret: secret, Handler: h.Handler(), PageSize: hostPage})
		if err == nil {
			err = exchange(t.Addr())
		}
		if err != nil {
			return err
		}
		h.Attach(t)
		if err := t.Start(cards); err != nil {
			return err
		}
		return h.Connect()
	}
	t, err := shm.Listen(shm.Options{Self: h.self, Hosts: touchHosts, Secret: secret, Handler: h.Handler(), PageSize: hostPage,
		Memory: shm.Memory{Fd: h.Region().Fd(), Size: 4 * touchPages * hostPage}})
	if err != nil {
		return err
	}
	card, why := t.Card()
	if err := exchange(card + why); err != nil {
		return err
	}
	keep := make([]bool, touchHosts)
	for i := range keep {
		keep[i] = i != int(h.self)
	}
	if err := errors.Join(t.Try(cards)...); err != nil {
		return err
	}
	h.Attach(t)
	if err := t.Start(keep); err != nil {
		return err
	}
	return h.Connect()
}

func (h *host) wrong(format string, args ...any) {
	if len(h.seen.Wrong) < 10 {
		h.seen.Wrong = append(h.seen.Wrong, fmt.Sprintf(format, args...))
	}
}

func (h *host) at(page, offset int) uintptr {
	return h.Region().Base() + uintptr(page*hostPage+offset)
}

func (h *host) expect(page, offset int, want byte) {
	if got := regiontest.Load(h.at(page, offset)); got != want {
		h.wrong("byte %d of page %d is %d, should be %d", offset, page, got, want)
	}
}

func (h *host) barrier() { h.Rendezvous(1, wire.KindBarrier) }

// writer is who writes a page of the first part first.
func writer(page int) wire.HostID { return wire.HostID(page * 7 / 3 % touchHosts) }

// timedStore stores a byte and returns how long that took, in ns.
func (h *host) timedStore(page, offset int, v byte) int64 {
	began := time.Now()
	regiontest.Store(h.at(page, offset), v)
	return int64(time.Since(began))
}

// homeOf returns the home of page p of the region, as this host knows it.
func (h *host) homeOf(p int) (home wire.HostID, decided bool) {
	home, decided, ok := h.Home(uint64(h.Region().Base()) + uint64(p)*hostPage)
	if !ok {
		h.wrong("page %d is not allocated", p)
	}
	return home, decided
}

func (h *host) program() {
	h.Alloc(core.CallAllocTouch, 3*touchPages*hostPage)
	h.Alloc(core.CallAlloc1, touchPages*hostPage) // homed at host 0
	h.oneWriter()
	h.manyWriters()
	h.costs()
	for p := range 2 * touchPages {
		home, decided := h.homeOf(p)
		if !decided {
			h.wrong("the home of page %d is open", p)
		}
		h.seen.Homes = append(h.seen.Homes, home)
	}
	h.Rendezvous(1, wire.KindExit)
}

// oneWriter has each page of the first part written by one host, after some have looked at it.
func (h *host) oneWriter() {
	for p := range touchPages {
		if p%5 == 0 {
			h.expect(p, 0, 0)
		}
	}
	h.barrier()
	for p := range touchPages {
		if writer(p) == h.self {
			regiontest.Store(h.at(p, 17), byte(1+p))
			if home, decided := h.homeOf(p); home != h.self || !decided {
				h.wrong("page %d, first written here, is homed at %d (%v)", p, home, decided)
			}
		}
	}
	if n := h.Stats()[stats.PagesFetched]; n > touchPages { // those that were looked at, and some ahead
		h.wrong("%d pages were fetched to be written first", n)
	}
	h.barrier()
	if s := h.Stats(); s[stats.DiffsSent]+s[stats.Twins] != 0 {
		h.wrong("%d diffs and %d twins for pages that are homed at their writers", s[stats.DiffsSent], s[stats.Twins])
	}
	for p := range touchPages {
		h.expect(p, 17, byte(1+p))
		h.expect(p, 18, 0)
		if home, decided := h.homeOf(p); home != writer(p) || !decided {
			h.wrong("page %d was first written by host %d and is homed at %d (%v)", p, writer(p), home, decided)
		}
	}
	h.barrier()
}

// manyWriters has two threads of each host write all pages of the second part at once, in different orders, while a third one
// looks at them.
func (h *host) manyWriters() {
	offset := func(host wire.HostID, thread int) int { return 8*int(host) + thread }
	var all sync.WaitGroup
	for thread := range 3 {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			for i := range touchPages {
				p := touchPages + (i*(1+2*thread)*7+int(h.self)*100)%touchPages
				if thread == 2 {
					regiontest.Load(h.at(p, 40))
					continue
				}
				regiontest.Store(h.at(p, offset(h.self, thread)), byte(1+p))
				h.expect(p, offset(h.self, thread), byte(1+p))
			}
		}()
	}
	all.Wait()
	h.barrier()
	for p := touchPages; p < 2*touchPages; p++ {
		for host := range wire.HostID(touchHosts) {
			for thread := range 2 {
				want := byte(1 + p)
				if !visits(p, host, thread) {
					want = 0
				}
				h.expect(p, offset(host, thread), want)
			}
		}
	}
	h.barrier()
}

// visits tells whether a thread of manyWriters writes a page.
func visits(p int, host wire.HostID, thread int) bool {
	for i := range touchPages {
		if touchPages+(i*(1+2*thread)*7+int(host)*100)%touchPages == p {
			return true
		}
	}
	return false
}

// costs has hosts 1 and 2 write pages that host 0 manages, and then as many that are homed there, and times both. The order is
// one that read-ahead does not see.
func (h *host) costs() {
	for part := 2; part < 4; part++ {
		var took []int64
		for i := range touchPages {
			p := part*touchPages + i*touchHosts*7%touchPages // of host 0
			if h.self > 0 && i < touchPages/touchHosts && i%(touchHosts-1)+1 == int(h.self) {
				took = append(took, h.timedStore(p, 0, 1))
			}
		}
		began := time.Now()
		h.barrier()
		if h.self > 0 {
			h.seen.Took[part-2] = append(took, h.seen.Took[part-2]...)
			h.seen.Flush[part-2] = int64(time.Since(began)) / int64(len(took))
		}
	}
	for p := 2 * touchPages; p < 4*touchPages; p += touchHosts {
		h.expect(p, 0, 1)
	}
	h.barrier()
}
