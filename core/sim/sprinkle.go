package sim

import (
	"slices"

	"jiajia/core"
)

// sprinkler adds to a program that has been drawn: words for atomic operations, and such operations in place of loads and stores.
// It has a source of its own, so that what it adds changes nothing else of the program of a seed.
type sprinkler struct {
	*generator
	r     source
	own   int // data from this number on are its own
	dense int // most blocks that it adds to a thread's work between two barriers
}

func (g *generator) sprinkle(seed uint64) {
	s := &sprinkler{generator: g, r: source(seed ^ 0xa70315), own: len(g.p.data)}
	if s.r.chance(40) {
		return
	}
	s.dense = s.r.between(1, 6)
	if s.r.chance(50) {
		s.drawWords()
	}
	for len(g.p.rwGuard) < len(g.p.data) {
		g.p.rwGuard = append(g.p.rwGuard, -1)
	}
	if s.r.chance(50) {
		s.drawRWData()
	}
	replace := s.r.chance(25)
	tries := s.r.n(2) * s.r.n(80)
	for h := range g.p.threads {
		for t := range g.p.threads[h] {
			if replace {
				s.replace(h, t)
			}
			s.tries(g.p.threads[h][t], tries)
			if len(g.p.data) > s.own {
				s.addBlocks(h, t)
			}
		}
	}
}

// addDatum adds a datum at a word that has none yet, mostly on a page that has some, with its regimes. It does nothing when it
// meets none.
func (s *sprinkler) addDatum(sizes []int, draw func(interval int, last *regime) regime) {
	for range 8 {
		page := core.PageID(s.r.n(int(s.p.pages)))
		if s.r.chance(60) {
			page = s.p.data[s.r.n(len(s.p.data))].page
		}
		size := sizes[s.r.n(len(sizes))]
		d := datum{page, s.r.n(wordsPerPage)*wordBytes + s.r.n(wordBytes/size)*size, size}
		if slices.ContainsFunc(s.p.data, func(e datum) bool { return e.page == d.page && e.offset/wordBytes == d.offset/wordBytes }) {
			continue
		}
		var list []regime
		for i := range s.intervals {
			var last *regime
			if i > 0 {
				last = &list[i-1]
			}
			list = append(list, draw(i, last))
		}
		s.p.data = append(s.p.data, d)
		s.regimes = append(s.regimes, list)
		s.p.guard = append(s.p.guard, -1)
		return
	}
}

// drawWords adds words for atomic operations. Between some barriers one of them is an ordinary datum, or only read.
func (s *sprinkler) drawWords() {
	keep := s.r.n(100)
	for range s.r.between(1, 3) {
		s.addDatum([]int{4, 8}, func(i int, last *regime) regime {
			switch {
			case last != nil && last.kind == counted && s.r.chance(keep), s.r.chance(60):
				return regime{kind: counted}
			case last != nil && s.r.chance(50):
				return regime{kind: shared}
			}
			return s.drawOwner(i)
		})
	}
}

// drawRWData adds data that reader/writer locks guard, for good or for a while.
func (s *sprinkler) drawRWData() {
	s.p.rwlocks = s.r.between(1, 2)
	keep := s.r.between(50, 100)
	for range s.r.between(1, 3) {
		before := len(s.p.data)
		lock, always := s.r.n(s.p.rwlocks), true
		s.addDatum([]int{1, 2, 4, 8}, func(i int, last *regime) regime {
			if s.r.chance(keep) {
				return regime{kind: rwGuarded, lock: lock}
			}
			always = false
			if s.r.chance(30) {
				lock = s.r.n(s.p.rwlocks)
				return regime{kind: rwGuarded, lock: lock}
			}
			return s.drawOwner(i)
		})
		if len(s.p.data) > before {
			if !always {
				lock = -1
			}
			s.p.rwGuard = append(s.p.rwGuard, lock)
		}
	}
}

// replace makes atomic operations of some loads and stores. Whoever may store to a datum may do so with these, too.
func (s *sprinkler) replace(h, t int) {
	chance := s.r.between(5, 50)
	ops := s.p.threads[h][t]
	for i := range ops {
		o := &ops[i]
		if o.kind != opRead && o.kind != opWrite || s.p.data[o.datum].size < 4 || !s.r.chance(chance) {
			continue
		}
		if o.kind == opRead {
			o.id = int(core.AtomicLoad)
		} else {
			o.id = s.r.between(int(core.AtomicStore), int(core.AtomicCompareExchange))
		}
		o.kind = opAtomic
	}
}

// tries makes tries of some locks: of those whose scopes end before any that was begun earlier, and hold none that ends later, so that a
// scope can be left out.
func (s *sprinkler) tries(ops []op, chance int) {
	for i := range ops {
		if ops[i].kind != opLock || !s.r.chance(chance) {
			continue
		}
		var inside []int
		for _, o := range ops[i+1:] {
			if o.kind == opLock || o.kind == opTry {
				inside = append(inside, o.id)
			}
			if o.kind != opUnlock {
				continue
			}
			if o.id == ops[i].id && len(inside) == 0 {
				ops[i].kind = opTry
			}
			k := slices.Index(inside, o.id)
			if k < 0 {
				break
			}
			inside = slices.Delete(inside, k, k+1)
		}
	}
}

// addBlocks adds work on the sprinkler's own data to a thread.
func (s *sprinkler) addBlocks(h, t int) {
	ops := s.p.threads[h][t]
	var out []op
	next := 0
	for first := 0; first < s.intervals; first++ {
		last := first
		for !s.joined[h][t][last] {
			last++
		}
		begin := next
		for first > 0 && (ops[begin].kind != opJoin || ops[begin].id != 2*first-1) {
			begin++
		}
		if first > 0 || t == 0 {
			begin++ // behind the barrier, or the allocations
		}
		end := begin
		for ops[end].kind != opJoin {
			end++
		}
		out = append(out, ops[next:begin]...)
		out = append(out, s.mixIn(ops[begin:end], h, t, first, last)...)
		next, first = end, last
	}
	end := len(ops)
	for ops[end-1].kind != opJoin || ops[end-1].id != 2*s.intervals {
		end-- // up to the gathering before jia_exit
	}
	out = append(out, ops[next:end-1]...)
	for d := s.own; d < len(s.p.data) && s.r.chance(80); d++ {
		out = append(out, op{kind: opRead, datum: d})
	}
	s.p.threads[h][t] = append(out, ops[end-1:]...)
}

// mixIn returns the work of a thread from one barrier to another with some blocks between.
func (s *sprinkler) mixIn(work []op, h, t, first, last int) []op {
	blocks := make([][]op, len(work)+1)
	for range s.r.n(s.dense + 1) {
		at := s.r.n(len(blocks))
		blocks[at] = append(blocks[at], s.block(h, t, first, last)...)
	}
	var out []op
	for i := range blocks {
		out = append(out, blocks[i]...)
		if i < len(work) {
			out = append(out, work[i])
		}
	}
	return out
}

// block draws work on one of the data of the sprinkler's own, as its regime allows.
func (s *sprinkler) block(h, t, first, last int) []op {
	d := s.r.between(s.own, len(s.p.data)-1)
	if s.recycledWithin(s.p.data[d].page, first, last) {
		return nil
	}
	list := s.regimes[d][first : last+1]
	for _, r := range list {
		if r != list[0] {
			return nil
		}
	}
	switch r := list[0]; {
	case r.kind == counted:
		var ops []op
		for range s.r.between(1, 3) {
			ops = append(ops, s.atomic(d))
			if s.r.chance(15) {
				ops = append(ops, op{kind: opPeek, page: s.p.data[d].page, id: s.r.n(wordsPerPage)})
			}
		}
		return ops
	case r.kind == shared:
		return []op{{kind: opRead, datum: d}}
	case r.kind == rwGuarded:
		return s.rwScope(r, h, first, last)
	case r.kind == owned && first == last && r.host == h && r.thread == t:
		return s.use(d)
	}
	return nil
}

// use draws loads, stores and atomic operations of who may do everything with a datum.
func (s *sprinkler) use(d int) []op {
	var ops []op
	for range s.r.between(1, 3) {
		switch s.r.pick(40, 40, 20) {
		case 0:
			ops = append(ops, op{kind: opRead, datum: d})
		case 1:
			ops = append(ops, op{kind: opWrite, datum: d, value: s.r.next()})
		case 2:
			if s.p.data[d].size >= 4 {
				ops = append(ops, s.atomic(d))
			}
		}
	}
	return ops
}

// rwScope draws a scope of a reader or a writer. It takes no other lock, so no program deadlocks by it.
func (s *sprinkler) rwScope(guard regime, h, first, last int) []op {
	var data []int
	for d := s.own; d < len(s.p.data); d++ {
		if !slices.ContainsFunc(s.regimes[d][first:last+1], func(r regime) bool { return r != guard }) &&
			!s.recycledWithin(s.p.data[d].page, first, last) {
			data = append(data, d)
		}
	}
	mode := core.RWRead
	if s.r.chance(45) && !s.onlyReads[h] {
		mode = core.RWWrite
	}
	if s.r.chance(20) {
		mode += core.RWTry
	}
	ops := []op{{kind: opRWLock, id: guard.lock, count: int(mode)}}
	for range s.r.n(4) {
		d := data[s.r.n(len(data))]
		if mode&core.RWWrite != 0 {
			ops = append(ops, s.use(d)...)
		} else {
			ops = append(ops, op{kind: opRead, datum: d})
		}
		if s.r.chance(10) {
			ops = append(ops, op{kind: opEvict, page: s.p.data[d].page})
		}
	}
	return append(ops, op{kind: opRWUnlock, id: guard.lock})
}

func (s *sprinkler) atomic(d int) op {
	kind := []core.AtomicKind{core.AtomicLoad, core.AtomicStore, core.AtomicFetchAdd, core.AtomicExchange, core.AtomicCompareExchange}[s.r.pick(15, 10, 45, 10, 20)]
	return op{kind: opAtomic, datum: d, id: int(kind), value: 1 + s.r.next()%5}
}
