package sim

// shapes are kinds of program that bugs have escaped from until somebody drew them. Half of all programs have one of these
// shapes; each sets what makes the shape and leaves the rest to luck.
var shapes = []func(g *generator, threads *int){
	twoWrites, alternatingWriters, manyCopies, readingHolder, sharedPage, crossing, crossing, flowing, earlyLeaver,
}

// twoWrites: two writes of one word in one scope, with an eviction between.
func twoWrites(g *generator, _ *int) {
	g.small(1, 1)
	g.p.locks, g.style = 1, byLock
	g.body[bodyTwice] = 100
}

// alternatingWriters: a page is written by one host, then by another, and so on.
func alternatingWriters(g *generator, _ *int) {
	g.small(1, 2)
	g.intervals = g.r.between(3, 6)
	g.style, g.stay = byPhase, 20
	g.mix[blockOwn] = 100
}

// manyCopies: three hosts, of which one has a copy that nobody told it to have.
func manyCopies(g *generator, threads *int) {
	g.small(1, 2)
	g.p.hosts = 3
	*threads = g.r.between(1, 2)
	g.p.locks = max(1, g.p.locks)
	g.mix[blockPeek], g.mix[blockPrefetch], g.body[bodyPeek] = 40, 20, 20
}

// readingHolder: a host that only reads holds the lock between two that write, and threads of the home mix with them.
func readingHolder(g *generator, threads *int) {
	g.small(1, 2)
	*threads = g.r.between(1, 3)
	g.p.hosts = max(g.p.hosts, g.r.between(2, 4))
	g.p.locks, g.style, g.blocks = g.r.between(1, 2), byLock, g.r.between(3, 6)
	g.body[bodyRead], g.body[bodyUpdate], g.body[bodyTwice], g.body[bodyWrite] = 100, 30, 0, 0
	g.mix[blockScope], g.mix[blockHands], g.mix[blockPeek] = 150, 0, 20*g.r.n(2)
	g.shy = 40
}

// sharedPage: threads of one host work on one page under different locks, so that each flushes what the others write.
func sharedPage(g *generator, threads *int) {
	g.small(1, 1)
	*threads, g.uneven = 2, 40
	g.p.locks, g.ownLocks = *threads, true
	g.style, g.blocks = byLock, g.r.between(3, 8)
	g.intervals, g.nest, g.longest = g.r.between(1, 2), 0, 5
	g.mix[blockScope], g.mix[blockHands], g.body[bodyUpdate], g.body[bodyRead] = 150, 0, 60, 60
	g.shy = 40
}

// crossing: locks are passed on by some threads of the hosts while others are in barriers.
func crossing(g *generator, threads *int) {
	g.small(1, 2)
	*threads, g.uneven = 2, 10
	g.intervals, g.blocks = g.r.between(2, 4), g.r.between(2, 5)
	g.p.locks, g.free, g.stay = g.r.between(1, 2), 95, 80
	g.style, g.idleLeader = []int{byLock, changing, mixed, mixed}[g.r.n(4)], g.r.chance(80)
	g.mix[blockScope], g.mix[blockOwn], g.mix[blockPeek], g.mix[blockHands] = 100, 60, 20*g.r.n(2), 0
	g.shy = 35
}

// flowing: one lock, round after round.
func flowing(g *generator, threads *int) {
	g.small(1, 2)
	*threads = g.r.between(1, 2)
	g.p.locks, g.style, g.blocks = g.r.between(1, 2), byLock, g.r.between(3, 8)
	g.intervals = g.r.between(1, 2)
	g.mix[blockScope] = 150
}

// earlyLeaver: the home of a page writes in every phase, and whoever leaves the barrier first reads.
func earlyLeaver(g *generator, _ *int) {
	g.small(1, 2)
	g.intervals = g.r.between(3, 6)
	g.style, g.stay = byPhase, 40
	g.mix[blockOwn], g.mix[blockShared], g.mix[blockPeek] = 60, 60, 20
}

// small draws few hosts and pages.
func (g *generator) small(fewest, most int) {
	g.p.hosts = 2 + g.r.pick(50, 50)
	g.p.pages = uint64(g.r.between(fewest, most))
}
