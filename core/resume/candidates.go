package resume

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"jiajia/ckpt"
	"jiajia/core"
)

// candidates are the generations that host 0 has not proposed yet.
type candidates struct {
	c     *Config
	dir   string
	store *ckpt.Store
	only  uint64 // the one that is wanted; 0: any
	left  []uint64
	bad   uint64 // the last one that cannot be used, and why; 0: there was none
	why   string
	err   error
}

func newCandidates(c *Config) *candidates {
	dir, only := ckpt.Place(c.Want)
	l := &candidates{c: c, dir: c.absolute(dir), only: only}
	l.store = ckpt.Open(l.dir)
	l.left, l.err = l.store.Manifests()
	l.left = slices.DeleteFunc(l.left, func(g uint64) bool { return g <= c.After })
	if only > 0 {
		l.left = slices.DeleteFunc(l.left, func(g uint64) bool { return g != only })
	}
	return l
}

// refuse notes that a generation cannot be used.
func (l *candidates) refuse(generation uint64, why string) { l.bad, l.why = generation, why }

// next returns the next generation that host 0 finds nothing wrong with.
func (l *candidates) next() proposal {
	for {
		if l.err != nil || len(l.left) == 0 {
			return proposal{Error: l.none()}
		}
		if l.bad > 0 {
			l.c.Warn(fmt.Sprintf("checkpoint %d in %s is not used, but the one before, %d: %s", l.bad, l.dir, l.left[0], l.why))
		}
		generation := l.left[0]
		l.left = l.left[1:]
		chain, saved, err := l.read(generation)
		if err != nil {
			l.refuse(generation, err.Error())
			continue
		}
		if err := l.c.Fit(saved); err != nil {
			return proposal{Error: fmt.Sprintf("checkpoint %d in %s cannot be restored here: %v", generation, l.dir, err)}
		}
		return proposal{Dir: l.dir, Chain: chain}
	}
}

// read reads the manifests of a generation and of those that it builds on.
func (l *candidates) read(generation uint64) ([]*ckpt.Manifest, *core.Saved, error) {
	m, err := l.store.Manifest(generation)
	if err != nil {
		return nil, nil, err
	}
	chain, err := l.store.Chain(m)
	if err != nil {
		return nil, nil, err
	}
	saved := new(core.Saved)
	if err := json.Unmarshal(m.State, saved); err != nil {
		return nil, nil, fmt.Errorf("what its manifest says of the allocations: %w", err)
	}
	for _, m := range chain[1:] {
		m.State = nil
	}
	return chain, saved, nil
}

// none says why there is nothing to begin from.
func (l *candidates) none() string {
	err := l.err
	if _, missing := os.Stat(l.dir); missing != nil {
		err = missing // the store takes it for an empty one
	}
	switch {
	case err != nil:
		return fmt.Sprintf("there is nothing to restore: %v; set JIA_RESTORE to a directory of checkpoints that can be read, or unset it for a fresh start", err)
	case l.bad > 0 && l.only > 0:
		return fmt.Sprintf("checkpoint %d in %s cannot be used: %s; JIA_RESTORE=%s takes the newest one that can", l.bad, l.dir, l.why, l.dir)
	case l.bad > 0 && l.c.After > 0:
		return fmt.Sprintf("there is nothing to restore in %s: checkpoint %d cannot be used, and %d and those before it are of another job: %s",
			l.dir, l.bad, l.c.After, l.why)
	case l.bad > 0:
		return fmt.Sprintf("there is nothing to restore in %s: checkpoint %d cannot be used, and there is none before it: %s; unset JIA_RESTORE for a fresh start", l.dir, l.bad, l.why)
	case l.only > 0:
		return fmt.Sprintf("there is no checkpoint %d in %s; jia-ckpt list says which there are", l.only, l.dir)
	}
	return fmt.Sprintf("there is nothing to restore in %s: it has no complete checkpoint; unset JIA_RESTORE for a fresh start", l.dir)
}
