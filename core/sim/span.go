package sim

import "jiajia/core"

// Kinds of block that a thread's work is made of.
const (
	blockScope    = iota // a critical section, maybe with others inside
	blockOwn             // a datum that the thread owns
	blockShared          // a datum that everybody may read
	blockPeek            // a racy read
	blockPrefetch        // hints and cache control
	blockEvict
	blockClean
	blockHands // hand over hand: lock the next before unlocking the last
)

// kinds is how many weights there are at most.
const kinds = 8

// Kinds of work in a scope.
const (
	bodyRead      = iota
	bodyWrite     // store
	bodyUpdate    // load and store
	bodyTwice     // two stores to one datum, with a chance that the page goes in between
	bodyWriteBack // a store, after which the page goes
	bodyPeek
	bodyOwn // something that has nothing to do with the lock
)

// span draws the work of one thread from one barrier that it joins to the next.
type span struct {
	*generator
	host, thread int
	first, last  int // intervals
	held         []int
	ops          []op
}

func (s *span) draw() []op {
	blocks := s.blocks * (s.last - s.first + 1)
	mix := s.mix
	if s.idleLeader && s.thread == 0 {
		blocks, mix = s.r.between(1, 3), idleMix
	}
	for range s.r.between(blocks/3, blocks) {
		for before, tries := len(s.ops), 0; len(s.ops) == before && tries < 4; tries++ {
			s.block(mix) // adds nothing when no datum fits
		}
	}
	return s.ops
}

// idleMix is what a thread draws that keeps away from locks.
var idleMix = []int{blockOwn: 40, blockShared: 20, blockPeek: 30, blockEvict: 5, blockHands: 0}

func (s *span) add(o op) { s.ops = append(s.ops, o) }

func (s *span) block(mix []int) {
	switch s.r.pick(mix...) {
	case blockScope:
		s.scope(0)
	case blockOwn:
		s.own()
	case blockShared:
		if d := s.find(func(r regime) bool { return r.kind == shared }); d >= 0 {
			s.add(op{kind: opRead, datum: d})
		}
	case blockPeek:
		s.peek()
	case blockPrefetch:
		s.add(op{kind: opPrefetch, page: s.page(), count: s.r.n(int(s.p.pages))})
	case blockEvict:
		s.add(op{kind: opEvict, page: s.page()})
	case blockClean:
		s.add(op{kind: opClean, page: s.page()})
	case blockHands:
		s.hands()
	}
}

// find draws a datum whose regime fits in every interval of the span, or returns -1.
func (s *span) find(fits func(regime) bool) int {
	var found []int
next:
	for d := range s.p.data {
		if s.recycled(s.p.data[d].page) {
			continue
		}
		for _, r := range s.regimes[d][s.first : s.last+1] {
			if !fits(r) || r.kind == owned && s.first != s.last {
				continue next
			}
		}
		found = append(found, d)
	}
	if len(found) == 0 {
		return -1
	}
	return found[s.r.n(len(found))]
}

func (s *span) own() {
	d := s.find(func(r regime) bool { return r.kind == owned && r.host == s.host && r.thread == s.thread })
	switch {
	case d < 0:
	case s.r.chance(70):
		s.write(d)
	default:
		s.add(op{kind: opRead, datum: d})
	}
}

func (s *span) write(d int) {
	v := uint64(s.r.n(3))
	if !s.smallValues {
		s.counter++
		v = s.counter * 0x0101010101010101
		if s.r.chance(30) {
			v = s.r.next()
		}
	}
	s.add(op{kind: opWrite, datum: d, value: v})
}

func (s *span) page() core.PageID { return core.PageID(s.r.n(int(s.p.pages))) }

func (s *span) peek() {
	d := s.p.data[s.r.n(len(s.p.data))]
	o := op{kind: opPeek, page: d.page, id: d.offset / wordBytes}
	if !s.r.chance(70) {
		o = op{kind: opPeek, page: s.page(), id: s.r.n(wordsPerPage)}
	}
	if !s.recycled(o.page) {
		s.add(o)
	}
}

// scope draws a critical section of a lock from the given one up: locks are taken in ascending order, so that no
// program deadlocks by itself.
func (s *span) scope(from int) {
	if from >= s.p.locks {
		return
	}
	l := s.r.between(from, s.p.locks-1)
	if s.ownLocks && from == 0 && s.r.chance(85) {
		l = (s.host + s.thread) % s.p.locks
	}
	s.add(op{kind: opLock, id: l})
	s.held = append(s.held, l)
	s.bodies()
	if s.r.chance(s.nest) {
		s.scope(l + 1)
		s.bodies()
	}
	s.release(l)
}

func (s *span) release(l int) {
	s.add(op{kind: opUnlock, id: l})
	for i := range s.held {
		if s.held[i] == l {
			s.held = append(s.held[:i:i], s.held[i+1:]...)
			return
		}
	}
}

func (s *span) hands() {
	last := -1
	for l := 0; l < s.p.locks; l++ {
		if s.r.chance(30) {
			continue
		}
		s.add(op{kind: opLock, id: l})
		s.held = append(s.held, l)
		s.bodies()
		if last >= 0 {
			s.release(last)
			s.bodies()
		}
		last = l
	}
	if last >= 0 {
		s.release(last)
	}
}

func (s *span) bodies() {
	for range s.r.between(s.shortest, s.longest) {
		s.workInScope()
	}
}

func (s *span) workInScope() {
	l := s.held[s.r.n(len(s.held))]
	d := s.find(func(r regime) bool { return r.kind == guarded && r.lock == l })
	what := s.r.pick(s.body...)
	if s.onlyReads[s.host] && what < bodyPeek {
		what = bodyRead
	}
	if d < 0 && what < bodyPeek {
		return
	}
	switch what {
	case bodyRead:
		s.add(op{kind: opRead, datum: d})
	case bodyWrite:
		s.write(d)
	case bodyUpdate:
		s.add(op{kind: opRead, datum: d})
		s.write(d)
	case bodyTwice:
		s.write(d)
		if s.r.chance(60) {
			s.add(op{kind: opEvict, page: s.p.data[d].page})
		}
		s.write(d)
	case bodyWriteBack:
		s.write(d)
		s.add(op{kind: opEvict, page: s.p.data[d].page})
	case bodyPeek:
		s.peek()
	case bodyOwn:
		s.own()
	}
}
