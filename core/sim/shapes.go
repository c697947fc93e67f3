package sim

import "jiajia/core/wire"

// shapes are kinds of program that bugs have escaped from until somebody drew them. Half of all programs have one of these
// shapes; each sets what makes the shape and leaves the rest to luck.
var shapes = []func(g *generator, threads *int){
	twoWrites, alternatingWriters, manyCopies, readingHolder, sharedPage, sharedPage, crossing, crossing, crossing, lateDiff, flowing, earlyLeaver,
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
	g.mix = g.only(blockScope)
	g.mix[blockPeek] = 10 * g.r.n(2)
	g.data = g.r.between(1, 3)
	g.shy = 40
}

// sharedPage: two threads of host 0 work on one page, each under a lock of its own, so that each flushes what the other
// writes. The other hosts mostly watch.
func sharedPage(g *generator, threads *int) {
	g.small(1, 1)
	*threads, g.uneven, g.atHost0 = 2, 50, g.r.chance(60)
	g.p.locks, g.ownLocks, g.data = 2, true, 2
	g.style, g.intervals, g.blocks = byLock, 1, g.r.between(4, 10)
	g.nest, g.shortest, g.longest = 0, 1, 3
	g.mix = g.only(blockScope)
	g.body = g.only(bodyRead)
	g.body[bodyUpdate], g.body[bodyWrite] = 50, 50
	g.shy = 60
}

// crossing: in each host one thread calls barriers and works by phases, while another passes locks on all the time.
func crossing(g *generator, threads *int) {
	g.small(1, 2)
	*threads, g.uneven, g.atHost0 = 2, 10, g.r.chance(60)
	g.intervals, g.blocks = g.r.between(3, 6), g.r.between(2, 4)
	g.p.locks, g.free, g.stay, g.data = 1, 95, 80, g.r.between(2, 4)
	g.style, g.idleLeader = []int{byLock, changing, mixed, mixed}[g.r.n(4)], g.r.chance(80)
	g.nest, g.shortest, g.longest = 0, 1, 2
	g.mix = g.only(blockScope)
	g.mix[blockOwn], g.mix[blockShared], g.mix[blockPeek] = 30, 15, 10*g.r.n(2)
	g.body = g.only(bodyRead)
	g.body[bodyUpdate] = []int{6, 20, 60}[g.r.n(3)]
	g.body[bodyTwice] = 10 * g.r.n(2)
	g.shy = 35
}

// lateDiff: a page that one thread wrote leaves its host while another thread of the host is in a barrier, and others look
// at the page before the diff has come home. Little else happens that would set it right.
func lateDiff(g *generator, threads *int) {
	g.small(2, 2)
	g.p.hosts = 3
	*threads, g.uneven, g.atHost0 = 2, 0, true
	g.intervals, g.blocks = g.r.between(2, 3), 1
	g.p.locks, g.free, g.style, g.data = 1, 95, mixed, g.r.between(2, 4)
	g.p.slow = []wire.Type{wire.Diff, wire.DiffAck, 0}[g.r.n(3)]
	g.idleLeader = true
	g.nest, g.shortest, g.longest = 0, 1, 1
	g.mix = g.only(blockScope)
	g.mix[blockOwn], g.mix[blockPeek] = 50, 20
	g.body = g.only(bodyRead)
	g.body[bodyWriteBack] = 50
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

// only returns weights that draw one kind and no other.
func (g *generator) only(kind int) []int {
	w := make([]int, kinds)
	w[kind] = 50
	return w
}
