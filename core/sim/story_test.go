package sim

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jiajia/core"
	"jiajia/core/wire"
)

var rewriteFlag = flag.Bool("rewrite", false, "write what happens into testdata instead of comparing")

// TestStories runs the scripts under testdata. A script is a list of blocks: lines with # say what it is about, lines
// below them command the cluster, ---- follows, and then everything that happened, up to an empty line. Nothing happens
// that no command asks for.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			is := tell(string(old))
			if *rewriteFlag {
				if err := os.WriteFile(file, []byte(is), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if is != string(old) {
				t.Errorf("%s: differs from line %d on; go test ./core/sim -run TestStories -rewrite shows all\n%s",
					file, firstDifference(is, string(old)), is)
			}
		})
	}
}

func firstDifference(a, b string) int {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return i + 1
		}
	}
	return len(x)
}

// tell runs a script and returns it with what happened.
func tell(script string) string {
	var out strings.Builder
	s := &story{}
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == "----":
			out.WriteString("----\n" + s.log.String())
			s.log.Reset()
			for i+1 < len(lines) && lines[i+1] != "" {
				i++
			}
			continue
		case line != "" && line[0] != '#':
			s.do(strings.Fields(line))
		}
		out.WriteString(line)
		if i < len(lines)-1 {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// story is a cluster under the command of a script.
type story struct {
	c   *cluster
	log bytes.Buffer
}

// do carries out one command:
//
//	job HOSTS PAGES THREADS [PLANT] [H-H...] [words] [cuts]  start; a planted mistake by its name; hosts that reach each other's
//	                                    memory; locks have words; there are checkpoints
//	alloc CALL ARGS...                  an allocation that all hosts make, as jia_alloc2p 64 1
//	alloc-on HOST CALL ARGS...          one host alone
//	H.T OP ARGS...                      thread T of host H does an operation, as far as it gets
//	H.T                                 ... goes on as far as it gets
//	H.T begin OP ARGS...                thread T of host H takes the first step of an operation
//	H.T step                            ... takes one more step
//	serve H [TYPE]                      the server of H takes the first request (of a type) and finishes with it
//	take H [TYPE]                       ... takes it and has its work still to do
//	work                                servers finish what they have taken
//	quiet                               whatever can happen happens, in some fixed order
//	pages H...                          print what hosts know of the pages
//	home PAGE                           print the page's first words at its home
func (s *story) do(f []string) {
	defer func() {
		if s.c != nil {
			s.c.fail = nil // it is in the log
		}
	}()
	switch f[0] {
	case "job":
		s.start(f[1:])
	case "alloc", "alloc-on":
		s.alloc(f[0] == "alloc-on", f[1:])
	case "serve", "take":
		s.serve(f)
	case "work":
		for len(s.c.jobs) > 0 {
			s.c.takeJob(0)
		}
	case "quiet":
		s.quiet()
	case "pages":
		for _, h := range f[1:] {
			s.pages(s.c.hosts[number(h)])
		}
	case "home":
		p := core.PageID(number(f[1]))
		home, _ := s.c.homeOf(p)
		fmt.Fprintf(&s.log, "p%d: %x\n", p, home.mem.frames[p][:2*wordBytes])
	default:
		s.thread(f)
	}
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (s *story) start(f []string) {
	p := &Program{hosts: int(number(f[0])), pages: number(f[1]), locks: 32}
	for range p.hosts {
		p.threads = append(p.threads, make([][]op, number(f[2])))
	}
	plant, reached := core.PlantNone, [][2]core.HostID{}
	for _, word := range f[3:] {
		if a, b, pair := strings.Cut(word, "-"); pair {
			reached = append(reached, [2]core.HostID{core.HostID(number(a)), core.HostID(number(b))})
		}
		for k, name := range plantNames {
			if word == name {
				plant = k
			}
		}
	}
	p.cuts = slices.Contains(f[3:], "cuts")
	w := swarm{}
	if slices.Contains(f[3:], "words") {
		w.worded, w.room = p.locks, 14
	}
	s.c = newCluster(p, Options{Plant: plant, trace: &s.log}, w, reached...)
	s.c.scripted = true
}

// allocCalls are the names of core.AllocCall.
var allocCalls = []string{"jia_alloc", "jia_alloc1", "jia_alloc2", "jia_alloc2p", "jia_alloc3", "jia_alloc4", "jia_alloc_array", "jia_alloc_random", "jia_free", "jia_alloc_attr", "first_touch"}

func (s *story) alloc(one bool, f []string) {
	hosts := s.c.hosts
	if one {
		hosts, f = hosts[number(f[0]):][:1], f[1:]
	}
	var args []uint64
	for _, a := range f[1:] {
		args = append(args, number(a))
	}
	for _, h := range hosts {
		p, err := h.m.Alloc(core.AllocCall(slices.Index(allocCalls, f[0])), args...)
		fmt.Fprintf(&s.log, "%d: allocates from p%d %v\n", h.id, p, err)
		h.allocated = true
	}
}

func (s *story) serve(f []string) {
	for i, p := range s.c.net {
		if uint64(p.to) != number(f[1]) || len(f) > 2 && wire.Type(p.bytes[5]).String() != f[2] {
			continue
		}
		s.c.takeRequest(i)
		for f[0] == "serve" && len(s.c.jobs) > 0 {
			s.c.takeJob(len(s.c.jobs) - 1)
		}
		return
	}
	fmt.Fprintln(&s.log, "no such request")
}

func (s *story) quiet() {
	for {
		switch {
		case len(s.c.jobs) > 0:
			s.c.takeJob(0)
		case len(s.c.net) > 0:
			s.c.takeRequest(0)
		default:
			if !s.c.anything() {
				return
			}
		}
		if s.c.fail != nil {
			return
		}
	}
}

func (s *story) pages(h *host) {
	fmt.Fprintf(&s.log, "%d:", h.id)
	for p := range h.mem.frames {
		fmt.Fprintf(&s.log, " p%d %v %v", p, h.m.StateOf(core.PageID(p)), h.mem.access[p])
	}
	fmt.Fprintln(&s.log)
}

func (s *story) thread(f []string) {
	var a *actor
	for _, b := range s.c.actors {
		if b.name == f[0] {
			a = b
		}
	}
	if len(f) > 1 && f[1] == "step" {
		s.c.step(a)
		return
	}
	if len(f) > 1 && f[1] == "begin" {
		a.ops = append(a.ops, s.parse(f[2:]))
		s.c.step(a)
		return
	}
	if len(f) > 1 {
		a.ops = append(a.ops, s.parse(f[1:]))
	}
	for s.c.fail == nil && (a.inCall || a.pc < len(a.ops)) && s.c.ready(a) {
		s.c.step(a)
	}
	if s.c.fail != nil {
		// A program that does this has ended; the script goes on as if it had not.
		if a.inCall {
			a.h.idle = append(a.h.idle, a.waiter)
		}
		a.inCall, a.pc = false, len(a.ops)
	}
}

// parse reads an operation: read PAGE OFFSET SIZE, write PAGE OFFSET SIZE VALUE, atomic PAGE OFFSET SIZE VALUE KIND of atomic
// operation, rwlock L MODE, lock L and so on.
func (s *story) parse(f []string) op {
	n := func(i int) int { return int(number(f[i])) }
	o := op{}
	switch f[0] {
	case "barrier", "wait", "exit":
		return op{kind: opBarrier, call: map[string]wire.Kind{"barrier": wire.KindBarrier, "wait": wire.KindWait, "exit": wire.KindExit}[f[0]]}
	case "checkpoint", "increment":
		count := map[string]int{"checkpoint": cutFull, "increment": cutNext}[f[0]]
		return op{kind: opBarrier, call: wire.KindCheckpoint, count: count}
	case "waitcv":
		return op{kind: opWait, id: n(1)}
	}
	for k, name := range opNames {
		if name == f[0] {
			o.kind = opKind(k)
		}
	}
	switch o.kind {
	case opRead, opWrite, opAtomic:
		s.c.p.data = append(s.c.p.data, datum{core.PageID(n(1)), n(2), n(3)})
		o.datum = len(s.c.p.data) - 1
		if o.kind != opRead {
			o.value = number(f[4])
		}
		for k := range core.AtomicCompareExchange + 1 {
			if o.kind == opAtomic && k.String() == f[5] {
				o.id = int(k)
			}
		}
	case opRWLock:
		o.id, o.count = n(1), n(2)
	case opPeek:
		o.page, o.id = core.PageID(n(1)), n(2)
	case opEvict, opClean, opPrefetch, opFree, opHide:
		o.page = core.PageID(n(1))
		if len(f) > 2 {
			o.count = n(2) // a prefetch brings in so many pages above it, too
		}
	case opReclaim:
	default:
		o.id = n(1)
	}
	return o
}
