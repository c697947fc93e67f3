package sim

import (
	"jiajia/core"
	"jiajia/core/wire"
)

// regime says who may use a datum in one interval between barriers.
type regime struct {
	kind   regimeKind
	lock   int // guarded: in scopes of this lock
	host   int // owned: by this thread
	thread int
}

type regimeKind uint8

const (
	guarded   regimeKind = iota // read and written in scopes of one lock
	owned                       // read and written by one thread
	shared                      // read by anybody
	counted                     // by anybody at any time, with atomic operations
	rwGuarded                   // read in scopes of one reader/writer lock, written in those of its writers
)

// Styles of drawing regimes.
const (
	byLock   = iota // a datum is guarded by one lock for good
	byPhase         // data have owners that change at barriers, or are read
	changing        // anything at any time
	mixed           // some data by lock, some by phase
)

// generator draws one program. What it draws often, rarely or never is itself drawn for each program, so that some
// programs do one thing very often (swarm testing).
type generator struct {
	r         source
	p         *Program
	intervals int
	// joined tells whether a thread takes part in the barrier that ends an interval. One that does not works on across
	// it, under locks whose data keep their regime.
	joined    [][][]bool
	onlyReads []bool     // by host: see shy
	regimes   [][]regime // by datum and interval

	blocks            int   // most blocks of a thread in one interval
	mix               []int // weights of the kinds of block
	body              []int // weights of what is done in a scope
	nest              int   // chance in percent that a scope holds another
	free              int   // chance in percent that a thread does not join a barrier
	style             int   // of the regimes
	ownLocks          bool  // a thread mostly takes the lock with its own number
	shortest, longest int   // pieces of work in a scope
	data              int   // how many data are wanted, 0 for any number
	atHost0           bool  // host 0 is the home of every page
	uneven            int   // chance in percent that a host has fewer threads than others
	shy               int   // chance in percent that the threads of a host only read under locks
	idleLeader        bool  // thread 0 does little but call barriers
	stay              int   // chance in percent that a datum keeps its regime
	smallValues       bool  // few different values, so that stores often change nothing or change a datum back
	counter           uint64

	extents []extent       // by the program's first allocations
	churns  map[int]*churn // by the interval that they end

	image  *image   // what the run begins from; nil: nothing
	absent [][]bool // by interval and page: the program has not allocated it, or has freed it; nil: all are there
}

// Generate draws a program that is free of data races.
func Generate(seed uint64) *Program {
	g := &generator{r: source(seed), p: &Program{settled: true}}
	g.swarm()
	g.drawTouch(seed)
	g.drawData()
	g.drawJoins()
	g.drawChurns(seed)
	g.drawThreads()
	g.sprinkle(seed)
	g.drawRuns(seed)
	g.drawCuts(seed)
	return g.p
}

// drawThreads draws what the threads do.
func (g *generator) drawThreads() {
	g.drawRegimes()
	for h := range g.p.threads {
		for t := range g.p.threads[h] {
			g.p.threads[h][t] = g.thread(h, t)
		}
	}
	g.addEvents()
}

// swarm draws the size of the program and what it is made of.
func (g *generator) swarm() {
	r, p := &g.r, g.p
	most, threads := 6, 4
	switch r.pick(38, 38, 12, 8, 4) {
	case 0:
		p.hosts = 2
	case 1:
		p.hosts = 3
	case 2:
		p.hosts = 4
	case 3:
		p.hosts, most, threads = r.between(5, 8), 3, 2
	case 4:
		p.hosts, most, threads = r.between(9, 16), 2, 2
	}
	p.pages = uint64(r.pick(0, 45, 25, 12, 8, 5, 5))
	p.locks = r.pick(12, 30, 30, 18, 10)
	g.intervals = 1 + r.pick(15, 25, 25, 20, 10, 5)
	g.blocks = r.between(1, most)
	threads = r.between(1, threads)
	g.smallValues = r.chance(30)
	g.nest = r.pick(50, 0, 0, 30, 20) * 10
	often := func(percent, weight int) int {
		if r.chance(percent) {
			return weight
		}
		return 0
	}
	g.mix = []int{blockScope: 60, blockOwn: 30, blockShared: 15, blockPeek: often(50, 20), blockPrefetch: often(30, 15),
		blockEvict: often(40, 15), blockClean: often(20, 10), blockHands: often(25, 20)}
	g.body = []int{bodyRead: 20, bodyWrite: 20, bodyUpdate: 30, bodyTwice: often(50, 25), bodyWriteBack: 0, bodyPeek: often(30, 15),
		bodyOwn: often(30, 15)}
	if r.chance(25) {
		g.body[bodyRead] = 60 // scopes that only read
	}
	g.uneven = 40
	g.shortest, g.longest = r.between(0, 1), r.between(2, 4)
	g.shy = []int{0, 0, 35}[r.n(3)]
	g.free = []int{0, 50, 90}[r.pick(40, 30, 30)]
	g.style = r.pick(30, 25, 30, 15)
	g.stay = []int{0, 50, 80}[r.n(3)]
	if shape := r.n(len(shapes) * 4 / 3); shape < len(shapes) {
		threads = 1
		shapes[shape](g, &threads)
	}
	if g.image != nil {
		g.goOn(&threads)
	}
	for h := range p.hosts {
		g.onlyReads = append(g.onlyReads, h > 0 && r.chance(g.shy))
		n := threads
		if r.chance(g.uneven) {
			n = r.between(1, threads)
		}
		p.threads = append(p.threads, make([][]op, n))
	}
	if g.image == nil {
		g.drawAllocs()
	}
}

// drawAllocs chooses the homes.
func (g *generator) drawAllocs() {
	r, p := &g.r, g.p
	size := p.pages * pageBytes
	host := func() uint64 { return uint64(r.n(p.hosts)) }
	add := func(call core.AllocCall, args ...uint64) {
		p.allocs = append(p.allocs, allocation{call, args})
		e := extent{pages: int(args[0] / pageBytes)}
		if n := len(g.extents); n > 0 {
			e.first = g.extents[n-1].first + core.PageID(g.extents[n-1].pages)
		}
		g.extents = append(g.extents, e)
	}
	if g.atHost0 {
		add(core.CallAlloc1, size)
		return
	}
	switch r.pick(45, 15, 10, 20, 10) {
	case 0:
		add(core.CallAlloc2p, size, host())
	case 1:
		add(core.CallAlloc, size)
	case 2:
		add(core.CallAlloc3, size, pageBytes*uint64(r.between(1, 2)), host())
	case 3:
		for range p.pages {
			add(core.CallAlloc2p, pageBytes, host())
		}
	case 4:
		add(core.CallAllocRandom, size)
	}
}

// drawData cuts some words of the pages into data. Neighbours in a word, a block and a page have different fates.
func (g *generator) drawData() {
	r := &g.r
	want := r.between(1, 8)
	if r.chance(40) {
		want = r.between(2, 3)
	}
	if g.data > 0 {
		want = g.data
	}
	used := map[[2]int]bool{}
	g.keepData(used)
	for len(g.p.data) < want {
		page, word := r.n(int(g.p.pages)), r.n(wordsPerPage)
		if r.chance(60) {
			word = r.n(2)
		}
		if used[[2]int{page, word}] {
			want--
			continue
		}
		used[[2]int{page, word}] = true
		size := 1 << r.pick(25, 10, 15, 50)
		for at := 0; at < wordBytes; at += size {
			if size == wordBytes || r.chance(50) {
				g.p.data = append(g.p.data, datum{core.PageID(page), word*wordBytes + at, size})
			}
		}
	}
	if len(g.p.data) == 0 {
		g.p.data = append(g.p.data, datum{0, 0, wordBytes})
	}
}

func (g *generator) drawJoins() {
	g.joined = make([][][]bool, g.p.hosts)
	for h := range g.joined {
		for t := range g.p.threads[h] {
			j := make([]bool, g.intervals)
			for b := range j {
				j[b] = t == 0 || b == g.intervals-1 || !g.r.chance(g.free)
			}
			g.joined[h] = append(g.joined[h], j)
		}
	}
}

// alone tells whether thread t of host h joins the barriers at both ends of an interval.
func (g *generator) alone(h, t, interval int) bool {
	return (interval == 0 || g.joined[h][t][interval-1]) && g.joined[h][t][interval]
}

func (g *generator) drawRegimes() {
	r := &g.r
	for d := range g.p.data {
		var list []regime
		style := g.style
		if style == mixed {
			style = []int{byLock, byPhase}[r.n(2)]
		}
		for i := 0; i < g.intervals; i++ {
			last := regime{}
			if i > 0 {
				last = list[i-1]
			}
			keep := i > 0 && (last.kind != owned || g.alone(last.host, last.thread, i)) && r.chance(g.stay)
			switch {
			case i > 0 && style == byLock && last.kind == guarded, keep:
				list = append(list, last)
			case g.p.locks > 0 && style == byLock, g.p.locks > 0 && style == changing && r.chance(50):
				l := d % g.p.locks
				if r.chance(30) {
					l = r.n(g.p.locks)
				}
				list = append(list, regime{kind: guarded, lock: l})
			case i > 0 && r.chance(35):
				list = append(list, regime{kind: shared})
			default:
				list = append(list, g.drawOwner(i))
			}
		}
		if g.image != nil && r.chance(40) {
			list[0] = regime{kind: shared} // for the first reads
		}
		g.regimes = append(g.regimes, list)
		g.p.guard = append(g.p.guard, guardOf(list))
	}
}

// guardOf returns the lock that guards a datum in all intervals, or -1.
func guardOf(list []regime) int {
	for _, r := range list {
		if r.kind != guarded || r.lock != list[0].lock {
			return -1
		}
	}
	return list[0].lock
}

func (g *generator) drawOwner(interval int) regime {
	h := g.r.n(g.p.hosts)
	if g.r.chance(60) {
		h = g.r.n(min(2, g.p.hosts)) // the same few again and again
	}
	t := g.r.n(len(g.p.threads[h]))
	if !g.alone(h, t, interval) {
		t = 0
	}
	return regime{kind: owned, host: h, thread: t}
}

// thread draws all operations of one thread, interval by interval. After the last interval everybody may read.
func (g *generator) thread(h, t int) []op {
	var ops []op
	if t == 0 {
		ops = append(ops, op{kind: opAlloc})
	}
	for i := 0; i < g.intervals; i++ {
		last := i
		for !g.joined[h][t][last] {
			last++
		}
		if i == 0 {
			ops = append(ops, g.firstReads(last)...)
		}
		s := &span{generator: g, host: h, thread: t, first: i, last: last}
		ops = append(ops, s.draw()...)
		ops = append(ops, g.barrier(h, t, last, wire.KindBarrier)...)
		i = last
	}
	if g.r.chance(70) {
		for d := range g.p.data {
			ops = append(ops, op{kind: opRead, datum: d})
		}
	}
	return append(ops, g.barrier(h, t, g.intervals, wire.KindExit)...)
}

// barrier is the barrier that ends an interval: the threads of the host that take part gather around thread 0.
func (g *generator) barrier(h, t, interval int, kind wire.Kind) []op {
	count := 0
	for _, j := range g.joined[h] {
		if interval >= g.intervals || j[interval] {
			count++
		}
	}
	ops := []op{{kind: opJoin, id: 2 * interval, count: count}, {kind: opJoin, id: 2*interval + 1, count: count}}
	if t > 0 {
		return ops
	}
	return append(append(ops[:1:1], g.recycling(interval, op{kind: opBarrier, call: kind})...), ops[1])
}

// addEvents puts jia_wait and condition variables into the program. They give no coherence, so nothing depends on them.
func (g *generator) addEvents() {
	r := &g.r
	if r.chance(20) {
		at := r.n(g.intervals)
		for h := range g.p.threads {
			g.insert(h, 0, at, op{kind: opBarrier, call: wire.KindWait})
		}
	}
	if !r.chance(25) {
		return
	}
	for i := 0; i < g.intervals; i++ {
		if i%2 == 1 {
			g.insert(r.n(g.p.hosts), 0, i, op{kind: opReset, id: i / 2 % 2})
			continue
		}
		for h := range g.p.threads {
			for t := range g.p.threads[h] {
				if r.chance(40) && g.alone(h, t, i) {
					g.insert(h, t, i, op{kind: opWait, id: i / 2 % 2})
				}
			}
		}
		g.insert(r.n(g.p.hosts), 0, i, op{kind: opSet, id: i / 2 % 2}) // before what its host waits for
	}
}

// insert puts an operation at the beginning of an interval of a thread.
func (g *generator) insert(h, t, interval int, o op) {
	ops := g.p.threads[h][t]
	at := 0
	if t == 0 {
		at = 1 // behind the allocations
	}
	for k := range ops {
		if interval > 0 && ops[k].kind == opJoin && ops[k].id == 2*interval-1 {
			at = k + 1
		}
	}
	g.p.threads[h][t] = append(ops[:at:at], append([]op{o}, ops[at:]...)...)
}
