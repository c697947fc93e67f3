package sim

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
	"jiajia/core"
)

// disks are where the hosts of some runs store their parts: on one that they share, or on one each. The machines crash at a chosen step
// of one of them, all at once, or one of them fails. What is restored is read from what a crash has left.
type disks struct {
	list    []*ckpttest.Disk // by host, and those of hosts of an earlier run behind them
	stores  []*ckpt.Store
	shared  bool
	job     ckpt.JobID
	stored  uint64 // the newest generation that everybody was told of
	crashed bool
}

// drawDisks gives some runs with checkpoints disks.
func (c *cluster) drawDisks() {
	if c.cutting == nil {
		return
	}
	d := &disks{job: ckpt.JobID{1}}
	switch img := c.p.image; {
	case img != nil && img.disks != nil:
		d = img.disks
		d = &disks{list: d.list, job: ckpt.JobID{d.job[0] + 1}, shared: d.shared, stored: img.number}
	case !c.r.chance(35):
		return
	default:
		d.shared = c.r.chance(50)
	}
	for len(d.list) < c.p.hosts {
		if len(d.list) == 0 || !d.shared {
			d.list = append(d.list, &ckpttest.Disk{})
		} else {
			d.list = append(d.list, d.list[0])
		}
	}
	d.open()
	for _, s := range d.stores {
		next, err := s.Next()
		c.must(c.hosts[0], err)
		c.cutting.next = max(c.cutting.next, next)
	}
	fault := ckpttest.Fault(c.r.n(int(ckpttest.Short) + 1))
	if c.r.chance(50) {
		fault = ckpttest.Crash
	}
	h, most := c.r.n(c.p.hosts), []int{10, 40, 150}[c.r.n(3)]
	d.list[h].Plan(fault, c.r.between(1, most), c.r.chance(20))
	c.cutting.disks = d
}

func (d *disks) open() {
	d.stores = d.stores[:0]
	for _, disk := range d.list {
		d.stores = append(d.stores, ckpt.OpenFS(disk))
	}
}

// survives tells whether a step on a disk has gone well. After a crash nothing else happens in the run.
func (d *disks) survives(err error) bool {
	d.crashed = d.crashed || errors.Is(err, ckpttest.ErrCrash)
	return err == nil
}

// crashed tells whether the run is over, since all machines have crashed.
func (c *cluster) crashed() bool {
	k := c.cutting
	return k != nil && (k.disks != nil && k.disks.crashed || k.crash > 0 && c.steps >= k.crash)
}

// create begins a part, if there are disks.
func (c *cluster) create(h *host) bool {
	d, part := c.cutting.disks, h.part
	if d == nil || part.file != nil {
		return true
	}
	info := ckpt.PartInfo{Job: d.job, Generation: part.of.number, Base: part.of.base, Host: int(h.id), Hosts: c.p.hosts, PageSize: pageBytes}
	w, err := d.stores[h.id].CreatePart(info)
	if err == nil {
		part.file = w
		for _, s := range part.zeros {
			err = errors.Join(err, w.Zero(uint64(s.Page), s.Count))
		}
	}
	return d.survives(err)
}

// write adds pages to a part, if there are disks.
func (c *cluster) write(part *part, first uint64, data []byte) bool {
	d := c.cutting.disks
	return d == nil || d.survives(part.file.Pages(first, data))
}

// close ends a part, if there are disks.
func (c *cluster) close(part *part) bool {
	d := c.cutting.disks
	if d == nil {
		return true
	}
	var err error
	part.info, err = part.file.Close()
	return d.survives(err)
}

// publish makes a generation complete, if there are disks, and removes old ones.
func (c *cluster) publish(g *generation) bool {
	d := c.cutting.disks
	if d == nil {
		return true
	}
	m := &ckpt.Manifest{Job: d.job, Generation: g.number, Base: g.base, Hosts: c.p.hosts, PageSize: pageBytes, State: c.state(g)}
	for _, h := range c.hosts {
		m.Parts = append(m.Parts, h.part.info)
	}
	if !d.survives(d.stores[0].Commit(m)) {
		return false
	}
	d.stored = g.number
	if !c.r.chance(70) {
		return true
	}
	keep, err := d.stores[0].Keep(c.r.between(1, 2))
	for _, s := range d.stores {
		if d.survives(err) {
			err = s.Prune(keep)
		}
	}
	d.survives(err)
	return true
}

// Uint64 makes a source one of the library's.
func (s *source) Uint64() uint64 { return s.next() }

// state is what a manifest has of a generation besides its parts.
func (c *cluster) state(g *generation) []byte {
	text, err := json.Marshal(g.saved)
	c.must(c.hosts[0], err)
	return text
}

// recover restores the newest generation that a crash now leaves, and compares it with the memory that it is of. It returns what the next
// run begins from, nil if there is nothing.
func (c *cluster) recover() *image {
	k := c.cutting
	d := k.disks
	switch {
	case d != nil:
	case c.p.runs == 0:
		return nil
	case k.newest != nil:
		return c.imageOf(k.newest, c.state(k.newest), k.chains)
	default:
		return c.p.image // again
	}
	if c.crashed() {
		c.tracef("all machines have crashed")
	}
	r := rand.New(&c.r)
	after := map[*ckpttest.Disk]*ckpttest.Disk{}
	for h, disk := range d.list {
		if after[disk] == nil {
			after[disk] = disk.Reboot(r)
		}
		d.list[h] = after[disk]
	}
	d.open()
	chain := d.newest()
	switch {
	case chain == nil && d.stored > 0:
		c.failf("after a crash generation %d is not there", d.stored)
	case chain == nil:
		return c.p.image
	case k.planned[chain[0].Generation] == nil:
		c.failf("after a crash generation %d is there, which nobody has planned", chain[0].Generation)
	case chain[0].Generation < d.stored:
		c.failf("after a crash generation %d is there instead of %d", chain[0].Generation, d.stored)
	default:
		c.tracef("after a crash generation %d is there", chain[0].Generation)
		list := make([]map[core.PageID]frame, chain[0].Hosts)
		for h := range list {
			list[h] = map[core.PageID]frame{}
			c.must(c.hosts[0], d.read(chain, h, list[h]))
		}
		img := c.imageOf(k.planned[chain[0].Generation], chain[0].State, list)
		img.disks = d
		return img
	}
	return nil
}

// newest returns the chain of the newest generation of which everything can be read, or nil.
func (d *disks) newest() []*ckpt.Manifest {
	generations, _ := d.stores[0].Manifests()
	for _, g := range generations {
		m, err := d.stores[0].Manifest(g)
		var chain []*ckpt.Manifest
		if err == nil {
			chain, err = d.stores[0].Chain(m)
		}
		for _, m := range chain {
			for h := range m.Hosts {
				err = errors.Join(err, d.stores[h].VerifyPart(m, h))
			}
		}
		if err == nil {
			return chain
		}
	}
	return nil
}

// read reads what a host's parts say of a generation, the newest first: of each page the first word counts.
func (d *disks) read(chain []*ckpt.Manifest, host int, pages map[core.PageID]frame) error {
	seen := map[uint64]bool{}
	for _, m := range chain {
		r, err := d.stores[host].OpenPart(m, host)
		if err != nil {
			return err
		}
		var zeros []uint64
		for err == nil {
			var b ckpt.Block
			b, err = r.Next()
			for i := uint64(0); err == nil && i < b.Count; i++ {
				switch p := b.First + i; {
				case b.Kind == ckpt.KindZero:
					zeros = append(zeros, p)
				case b.Kind == ckpt.KindPages && !seen[p]:
					seen[p] = true
					pages[core.PageID(p)] = frame(b.Data[i*pageBytes:])
				}
			}
		}
		r.Close()
		if !errors.Is(err, io.EOF) {
			return err
		}
		for _, p := range zeros {
			seen[p] = true // in older parts
		}
	}
	return nil
}
