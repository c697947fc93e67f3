package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"jiajia/ckpt"
	"jiajia/core"
	"jiajia/core/resume"
	"jiajia/core/wire"
)

// restored is the checkpoint that this run began from, as far as it is still needed.
type restored struct {
	generation uint64            // 0 after a fresh start; fixed by Restore
	private    map[string][]byte // registered memory that the program has not asked for yet, by name; guarded by mu
}

// Restored returns the generation that this run began from, 0 after a fresh start.
func (n *Node) Restored() uint64 { return n.restored.generation }

// Restore gives this host the allocations of a checkpoint. It comes before the transport serves, on all hosts with the same plan;
// Load follows after Connect.
func (n *Node) Restore(p *resume.Plan) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.machine.Restore(&p.Saved); err != nil {
		return fmt.Errorf("checkpoint %d: %w", p.Generation, err)
	}
	n.restored = restored{generation: p.Generation, private: make(map[string][]byte)}
	if n.ckpt.cfg != nil && sameDir(p.Dir, n.ckpt.cfg.Dir) {
		n.ckpt.from = p.Generation
	}
	return nil
}

func sameDir(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Fit tells what keeps this host from going on from a checkpoint, if anything does. It is for a host that has not begun yet.
func (n *Node) Fit(saved *core.Saved) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine.Fits(saved)
}

// Load reads the parts that are this host's to read and brings each page to its home, whichever that is now, and all else to where it
// belongs. It is collective, comes after Connect, and returns when all hosts have all that is theirs.
func (n *Node) Load(p *resume.Plan) error {
	began := time.Now()
	l := &loader{n: n, t: n.getThread(), plan: p, filling: make([]fill, n.cfg.Hosts), pools: make(map[int][]byte)}
	n.mu.Lock()
	err := n.publishRestored()
	n.mu.Unlock()
	if err != nil {
		return err
	}
	var others []parcel
	for part, reader := range p.Readers {
		if reader != int(n.cfg.Self) {
			continue
		}
		l.reading = part
		if err := l.part(part); err != nil {
			return fmt.Errorf("read the part of host %d of checkpoint %d in %s: %w", part, p.Generation, p.Dir, err)
		}
		if part >= n.cfg.Hosts {
			continue // nobody has its place
		}
		if part == int(n.cfg.Self) {
			n.takePrivate(l.private)
		} else {
			others = append(others, parcel{wire.HostID(part), l.private})
		}
	}
	l.finish()
	n.putThread(l.t)
	for _, id := range l.cvs {
		n.CV(wire.CVSet, id)
	}
	if err := n.exchangePrivate(others, p.Readers); err != nil {
		return err
	}
	if err := n.sharePools(l.pools, p.Readers); err != nil {
		return fmt.Errorf("checkpoint %d: %w", p.Generation, err)
	}
	n.Rendezvous(0, wire.KindWait)
	n.mu.Lock()
	n.machine.Loaded()
	n.mu.Unlock()
	took := time.Since(began)
	n.cfg.Log.Infof("goes on from checkpoint %d in %s; this host has read %d MiB in %.1f s", p.Generation, p.Dir, l.bytes>>20, took.Seconds())
	return nil
}

// publishRestored tells the transport of all pages that live here by the rules of the allocations. Called under mu.
func (n *Node) publishRestored() error {
	if !n.direct {
		return nil
	}
	n.spans = n.machine.RestoredSpans(n.spans[:0])
	return n.publish()
}

// loader reads parts and brings their pages home.
type loader struct {
	n    *Node
	t    *thread
	plan *resume.Plan

	seen    bitmap   // pages of the part under way that a newer generation has
	zero    []uint64 // first and count of runs that the file under way says are zero
	bytes   uint64
	cvs     []core.CVID
	reading int            // the part under way
	private []Section      // of it
	pools   map[int][]byte // descriptions, by the part

	filling []fill // by host: pages on their way there
	due     int    // messages that are not acknowledged
	twin    []byte // a page of zeros
}

// part reads the chain of one host's part, the newest generation first: what that has, older ones need not say.
func (l *loader) part(part int) error {
	l.private = nil
	l.seen = nil
	if len(l.plan.Chain) > 1 {
		l.seen = newBitmap(l.n.region.Pages(), l.plan.Saved.Allocs)
	}
	for i, m := range l.plan.Chain {
		r, err := l.plan.Store.OpenPart(m, part)
		if err != nil {
			return err
		}
		err = l.file(r, i == 0)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		for k := 0; k < len(l.zero); k += 2 {
			l.seen.set(l.zero[k], l.zero[k+1])
		}
	}
	return nil
}

// file reads one file.
func (l *loader) file(r *ckpt.PartReader, newest bool) error {
	l.zero = l.zero[:0]
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch b.Kind {
		case ckpt.KindZero:
			l.zero = append(l.zero, b.First, b.Count)
		case ckpt.KindPages:
			l.bytes += uint64(len(b.Data))
			err = l.pages(b)
		case ckpt.KindSection:
			if newest && b.Offset == 0 {
				err = l.section(r, b)
			}
		}
		if err != nil {
			return err
		}
	}
}

// pages brings the pages of a block home that no newer generation has.
func (l *loader) pages(b ckpt.Block) error {
	size := uint64(l.n.cfg.PageSize)
	if b.Count != uint64(len(b.Data))/size {
		return fmt.Errorf("%d bytes for %d pages", len(b.Data), b.Count)
	}
	for i := uint64(0); i < b.Count; {
		if l.seen.has(b.First + i) {
			i++
			continue
		}
		k := i + 1
		for k < b.Count && !l.seen.has(b.First+k) {
			k++
		}
		if err := l.bring(core.PageID(b.First+i), b.Data[i*size:k*size]); err != nil {
			return err
		}
		l.seen.set(b.First+i, k-i)
		i = k
	}
	return nil
}

// section keeps what a part has besides pages.
func (l *loader) section(r *ckpt.PartReader, b ckpt.Block) error {
	name := b.Name
	if name != cvSection && name != poolsSection && !strings.HasPrefix(name, privateSection) {
		return nil
	}
	data, err := r.Whole(b)
	switch {
	case err != nil:
		return err
	case name == cvSection:
		l.cvs, err = appendCVs(l.cvs, data)
		return err
	case name == poolsSection:
		l.pools[l.reading] = data
		return nil
	}
	l.private = append(l.private, Section{strings.TrimPrefix(name, privateSection), data})
	return nil
}

// A bitmap is a set of the pages below some number. Nil is empty and stays so.
type bitmap []uint64

// newBitmap returns one for all pages of some allocations, which end below most.
func newBitmap(most uint64, allocs []core.Allocation) bitmap {
	end := uint64(0)
	for _, a := range allocs {
		end = max(end, min(most, uint64(a.Page)+a.Pages))
	}
	return make(bitmap, end/64+1)
}

func (b bitmap) has(p uint64) bool { return p/64 < uint64(len(b)) && b[p/64]>>(p%64)&1 != 0 }

func (b bitmap) set(first, count uint64) {
	for p := first; p-first < count && p/64 < uint64(len(b)); p++ {
		b[p/64] |= 1 << (p % 64)
	}
}
