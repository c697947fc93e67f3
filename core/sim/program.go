package sim

import (
	"fmt"
	"strings"

	"jiajia/core"
	"jiajia/core/wire"
)

// Sizes in bytes. A word is what does not tear.
const (
	pageBytes    = 64
	wordBytes    = 8
	wordsPerPage = pageBytes / wordBytes
)

// datum is the unit that programs load and store: 1, 2, 4 or 8 aligned bytes.
type datum struct {
	page   core.PageID
	offset int // in the page
	size   int
}

func (d datum) String() string { return fmt.Sprintf("p%d[%d:%d]", d.page, d.offset, d.offset+d.size) }

// opKind says what a thread does next.
type opKind uint8

const (
	opRead     opKind = iota // load datum; the value is judged
	opWrite                  // store value to datum
	opPeek                   // load word id of page without a right to: not judged, but must not tear
	opLock                   // lock id
	opUnlock                 // lock id
	opBarrier                // rendezvous of the given kind
	opJoin                   // wait for count threads of this host at meeting id
	opAlloc                  // make the program's allocations; the host's other threads wait for that
	opSet                    // jia_setcv id
	opReset                  // jia_resetcv id
	opWait                   // jia_waitcv id
	opEvict                  // drop page
	opClean                  // write page back
	opPrefetch               // fetch page, and count others
	opFree                   // free the allocation of count pages that begins at page
	opAnew                   // make the allocations of churn id
	opReclaim                // give pages up for lack of room
	opHide                   // hide page, to see whether it is used
	opPin                    // pin page, or unpin it
	opAtomic                 // atomic operation of kind id on datum, with value
	opTry                    // try for lock id; if it is refused, go on behind the unlock
	opRWLock                 // reader/writer lock id, in mode count
	opRWUnlock               // reader/writer lock id
	opLoad                   // bring what the host reads of a checkpoint to its homes
	opLoaded                 // all hosts have
)

var opNames = [...]string{"read", "write", "peek", "lock", "unlock", "rendezvous", "join", "alloc", "set", "reset", "wait",
	"evict", "clean", "prefetch", "free", "alloc anew", "reclaim", "hide", "pin", "atomic", "try", "rwlock", "rwunlock", "load", "loaded"}

// op is one operation of a thread.
type op struct {
	kind  opKind
	datum int // index in Program.data
	page  core.PageID
	id    int
	count int
	value uint64
	call  wire.Kind
}

// allocation is one jia_alloc call that all hosts make.
type allocation struct {
	call core.AllocCall
	args []uint64
}

// Program is what all threads of all hosts do.
type Program struct {
	hosts   int
	pages   uint64
	allocs  []allocation
	churns  []*churn
	data    []datum
	guard   []int // by datum: the lock that guards it from the beginning to the end, or -1
	rwGuard []int // by datum: the reader/writer lock that does, or -1
	locks   int
	rwlocks int
	threads [][][]op // by host and thread; thread 0 calls the barriers
	// slow are messages that the program's shape wants held up; 0 leaves that to the schedule.
	slow wire.Type
	// settled: at the end every datum was followed by a barrier, so that the homes hold it.
	settled bool
	cuts    bool          // there may be checkpoints
	image   *image        // what the run begins from; nil: nothing
	places  []core.PageID // where allocs lie, if there is an image
	runs    int           // how many runs may follow, each from a checkpoint
}

func (o op) describe(p *Program) string {
	name := opNames[o.kind]
	switch o.kind {
	case opRead:
		return fmt.Sprintf("%s %v", name, p.data[o.datum])
	case opWrite:
		return fmt.Sprintf("%s %v = %#x", name, p.data[o.datum], o.value)
	case opPeek:
		return fmt.Sprintf("%s p%d word %d", name, o.page, o.id)
	case opRWLock:
		return fmt.Sprintf("%s %d (%v)", name, o.id, core.RWMode(o.count))
	case opAtomic:
		return fmt.Sprintf("%s %v of %v with %#x", name, core.AtomicKind(o.id), p.data[o.datum], o.value)
	case opBarrier:
		return o.call.String()
	case opEvict, opClean, opPrefetch, opFree, opHide:
		return fmt.Sprintf("%s p%d", name, o.page)
	case opAlloc, opReclaim, opLoad, opLoaded:
		return name
	}
	return fmt.Sprintf("%s %d", name, o.id)
}

// String lists the program, one thread a line.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d hosts, %d pages, %d locks\n", p.hosts, p.pages, p.locks)
	for _, a := range p.allocs {
		fmt.Fprintf(&b, "alloc call %d %v\n", a.call, a.args)
	}
	for i, c := range p.churns {
		fmt.Fprintf(&b, "anew %d: %v\n", i, c.allocs)
	}
	for h := range p.threads {
		for t, ops := range p.threads[h] {
			s := make([]string, len(ops))
			for i, o := range ops {
				s[i] = o.describe(p)
			}
			fmt.Fprintf(&b, "%d.%d: %s\n", h, t, strings.Join(s, "; "))
		}
	}
	return b.String()
}
