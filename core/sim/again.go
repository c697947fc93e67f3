package sim

import (
	"slices"

	"jiajia/core"
)

// Sources of their own: what they draw changes nothing else of a seed.
const (
	runSalt = 0xa9a13
	askSalt = 0xa11c
)

// drawRuns has some programs be followed by others that begin from their checkpoints. Most of these allocate their pages in pieces.
func (g *generator) drawRuns(seed uint64) {
	r, p := source(seed^runSalt), g.p
	if !r.chance(25) {
		return
	}
	p.runs = 1 + r.pick(65, 35)
	if len(p.churns) > 0 || r.chance(30) || p.touches() && r.chance(70) {
		return // what is freed was chosen
	}
	p.allocs = nil
	for left := int(p.pages); left > 0; {
		n := r.between(1, left)
		p.allocs = append(p.allocs, drawAnyAlloc(&r, n, p.hosts))
		left -= n
	}
}

// next returns the run that follows one of a program.
func (img *image) next(p *Program, opt Options) (*Program, Options) {
	seed := source(opt.Seed ^ runSalt)
	opt.Seed = seed.next()
	return img.program(opt.Seed, p.runs-1), opt
}

// program draws one that goes on from an image, on some number of hosts. It asks for the allocations that the image has, in their order, at
// once or at some of its barriers, frees some of them, and allocates what else there is when it has got all. So many runs may follow.
func (img *image) program(seed uint64, runs int) *Program {
	g := &generator{r: source(seed), p: &Program{settled: true, image: img, runs: runs}, image: img}
	g.swarm()
	g.drawData()
	g.drawJoins()
	g.drawAsks(seed)
	g.drawThreads()
	g.awaitRestored()
	g.sprinkle(seed)
	g.drawCuts(seed)
	return g.p
}

// goOn makes what was drawn for a program one that goes on from an image: a short one on any number of hosts.
func (g *generator) goOn(threads *int) {
	r, p := &g.r, g.p
	p.hosts = g.image.saved.Hosts
	if p.hosts > 8 || r.chance(65) {
		p.hosts = 1 + r.pick(10, 25, 22, 15, 10, 6, 6, 6)
	}
	p.pages = uint64(len(g.image.flat)/pageBytes + r.pick(40, 30, 20, 10))
	*threads = min(*threads, 2)
	g.intervals, g.blocks = min(g.intervals, 3), min(g.blocks, 4)
	if p.hosts > 4 {
		g.blocks = min(g.blocks, 2)
	}
}

// keepData has the program use most of the data that the image's program used.
func (g *generator) keepData(used map[[2]int]bool) {
	if g.image == nil {
		return
	}
	drop := map[[2]int]bool{}
	for _, d := range g.image.data {
		word := [2]int{int(d.page), d.offset / wordBytes}
		if _, drawn := drop[word]; !drawn {
			drop[word] = g.r.chance(25)
		}
		if !drop[word] {
			used[word] = true
			g.p.data = append(g.p.data, d)
		}
	}
}

// drawAsks draws when the program asks for what it has of the image, and what it frees and allocates besides.
func (g *generator) drawAsks(seed uint64) {
	r, p := source(seed^askSalt), g.p
	g.churns = make(map[int]*churn)
	left := savedPieces(&g.image.saved)
	there := make([]bool, p.pages)
	var extents []extent
	take := func(a piece) piece {
		e := extent{a.at, int(max(a.args[0], 1)-1)/pageBytes + 1}
		extents = append(extents, e)
		for q := range e.pages {
			there[int(e.first)+q] = true
		}
		return a
	}
	// ask asks for some of what is left. When nothing is, the program may make other allocations. The first range that is large enough is
	// taken: in the order of pages all fit.
	ask := func(n int) (list []piece) {
		for _, a := range left[:n] {
			list = append(list, take(g.reword(&r, a)))
		}
		left = left[n:]
		for q := 0; q < len(there) && len(left) == 0; q++ {
			n := 0
			for q+n < len(there) && !there[q+n] && (n == 0 || r.chance(70)) {
				n++
			}
			if n > 0 {
				list = append(list, take(piece{drawAnyAlloc(&r, n, p.hosts), core.PageID(q)}))
			}
		}
		return list
	}
	some := func() int { return r.between(0, len(left)) }
	if r.chance(50) {
		some = func() int { return len(left) }
	}
	for _, a := range ask(some()) {
		p.allocs = append(p.allocs, a.allocation)
		p.places = append(p.places, a.at)
	}
	often := []int{0, 60}[r.n(2)]
	for i := range g.intervals {
		g.absent = append(g.absent, absentees(there))
		c := &churn{}
		if r.chance(often) {
			extents = slices.DeleteFunc(extents, func(e extent) bool {
				if r.chance(60) {
					return false
				}
				c.frees = append(c.frees, e)
				for q := range e.pages {
					there[int(e.first)+q] = false
				}
				return true
			})
		}
		n := some()
		if i == g.intervals-1 {
			n = len(left)
		}
		if c.allocs = ask(n); len(c.frees)+len(c.allocs) > 0 {
			g.churns[i] = c
			p.churns = append(p.churns, c)
		}
	}
	g.absent = append(g.absent, absentees(there))
}

func absentees(there []bool) []bool {
	gone := make([]bool, len(there))
	for p := range there {
		gone[p] = !there[p]
	}
	return gone
}

// reword returns a call of the image as the program makes it now: where there are more or fewer hosts, it may name one that there is.
func (g *generator) reword(r *source, a piece) piece {
	if g.p.hosts == g.image.saved.Hosts || r.chance(50) {
		return a
	}
	a.args = slices.Clone(a.args)
	switch n := uint64(g.p.hosts); a.call {
	case core.CallAlloc2p, core.CallAlloc3:
		a.args[len(a.args)-1] %= n
	case core.CallAllocAttr:
		a.args[2] %= n
	}
	return a
}

// drawAnyAlloc draws from more calls than drawAlloc.
func drawAnyAlloc(r *source, pages, hosts int) allocation {
	args := []uint64{uint64(pages) * pageBytes}
	switch r.pick(12, 12, 12, 14, 50) {
	case 4:
		return drawAlloc(r, pages, hosts)
	case 3:
		placement := core.Placement(r.n(int(core.OneHost) + 1))
		block := uint64(0)
		if placement == core.Cyclic {
			block = uint64(r.between(1, 2*pageBytes))
		}
		return allocation{core.CallAllocAttr, append(args, uint64(placement), uint64(r.n(hosts)), block, 0, 0)}
	case 0:
		return allocation{core.CallAllocRandom, args}
	case 1:
		return allocation{core.CallAlloc2, append(args, uint64(r.between(1, 2*pageBytes)))}
	case 2:
		if r.chance(50) {
			break
		}
		return allocation{core.CallAlloc4, append(args, uint64(r.n(hosts)), uint64(r.n(2)*pageBytes), uint64(r.between(1, 2*pageBytes)))}
	}
	for range r.between(0, hosts-1) {
		args = append(args, uint64(r.n(3)*pageBytes))
	}
	return allocation{core.CallAllocArray, append(args, uint64(r.between(1, 2*pageBytes)))}
}

// firstReads are loads that a thread begins with, of data that nobody changes up to the end of an interval.
func (g *generator) firstReads(last int) (ops []op) {
	if g.image == nil {
		return nil
	}
	for d := range g.p.data {
		changes := slices.ContainsFunc(g.regimes[d][:last+1], func(r regime) bool { return r.kind != shared })
		if !changes && !g.recycledWithin(g.p.data[d].page, 0, last) && g.r.chance(60) {
			ops = append(ops, op{kind: opRead, datum: d})
		}
	}
	return ops
}

// awaitRestored has some threads wait for condition variables that were set when the image was taken.
func (g *generator) awaitRestored() {
	for _, list := range g.image.cvs {
		for _, id := range list {
			for h := range g.p.threads {
				for t := range g.p.threads[h] {
					if g.r.chance(40) && g.alone(h, t, 0) {
						g.insert(h, t, 0, op{kind: opWait, id: int(id)})
					}
				}
			}
		}
	}
}
