package sim

import (
	"encoding/json"
	"slices"

	"jiajia/core"
)

// An image is a checkpoint that a run begins from (P23), with what the checkers know of it.
type image struct {
	number uint64
	saved  core.Saved
	parts  []map[core.PageID]frame // by the host that wrote it: what its chain says
	cvs    [][]core.CVID           // by that host
	flat   []byte                  // all memory
	data   []datum                 // of the program that was saved
	atomic []bool                  // by datum: it was changed by atomic operations
	disks  *disks                  // that it is on, if it is on any
}

// imageOf returns what the next run begins from: a generation, as the parts of the hosts and the manifest's state have it.
func (c *cluster) imageOf(g *generation, state []byte, parts []map[core.PageID]frame) *image {
	img := &image{number: g.number, parts: parts, cvs: g.cvs, data: c.p.data, flat: c.restore(g, parts), atomic: make([]bool, len(c.p.data))}
	c.must(c.hosts[0], json.Unmarshal(state, &img.saved))
	for h := range c.p.threads {
		for _, ops := range c.p.threads[h] {
			for _, o := range ops {
				if o.kind == opAtomic {
					img.atomic[o.datum] = true
				}
			}
		}
	}
	return img
}

// beginFrom makes the hosts ones of a run that begins from the checkpoint of its program. Thread 0 of each has to load its share first.
func (c *cluster) beginFrom() {
	img, k := c.p.image, c.cutting
	if k != nil {
		k.next = img.number + 1
		k.planned[img.number] = &generation{number: img.number, saved: &img.saved, cvs: img.cvs, image: img.flat}
	}
	copy(c.flat, img.flat)
	for d := range c.whole {
		at := d[0]*pageBytes + d[1]
		c.stored[storedWord{core.PageID(d[0]), d[1], load(c.flat[at:][:wordBytes])}] = true
	}
	for part := range img.parts {
		reader := part % c.p.hosts
		if c.r.chance(30) {
			reader = c.r.n(c.p.hosts)
		}
		c.readers = append(c.readers, core.HostID(reader))
	}
	for _, h := range c.hosts {
		c.must(h, h.m.Fits(&img.saved))
		c.must(h, h.m.Restore(&img.saved))
		h.restored, h.waiting = true, savedPieces(&img.saved)
		a := c.leader(int(h.id))
		a.ops = slices.Concat(c.loadOps(h), a.ops)
	}
	for _, list := range img.cvs {
		for _, id := range list {
			c.set[int(id)] = true
		}
	}
	c.checkRestored(&img.saved)
}
