package ckpt

import (
	"fmt"
	"io"
	"slices"
)

// A Damage is the error for a file that is not as it was written.
type Damage struct {
	File   string
	Offset int64 // of the block, or where the file was to go on; -1: the file as a whole
	What   string
}

func (d *Damage) Error() string {
	if d.Offset < 0 {
		return fmt.Sprintf("%s is damaged: %s", d.File, d.What)
	}
	return fmt.Sprintf("%s is damaged at byte %d: %s", d.File, d.Offset, d.What)
}

// Chain returns the generations that m builds on: m first, the full one last. It reads their manifests.
func (s *Store) Chain(m *Manifest) ([]*Manifest, error) {
	chain := []*Manifest{m}
	for m.Base != 0 { // below Generation, so it ends
		base, err := s.Manifest(m.Base)
		if err != nil {
			return nil, fmt.Errorf("generation %d builds on %d: %w", m.Generation, m.Base, err)
		}
		if base.Job != m.Job || base.Hosts != m.Hosts || base.PageSize != m.PageSize {
			return nil, fmt.Errorf("generation %d builds on %d of its own job, and %s is of another", m.Generation, m.Base,
				s.fs.Path(manifestName(m.Base)))
		}
		chain, m = append(chain, base), base
	}
	return chain, nil
}

// VerifyPart reads every byte of one part of one generation.
func (s *Store) VerifyPart(m *Manifest, host int) error {
	r, err := s.OpenPart(m, host)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if _, err := r.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Verify reads every byte of the parts of these hosts (nil: all) over the whole chain of m. It is for directories that have the manifests.
func (s *Store) Verify(m *Manifest, hosts []int) error {
	chain, err := s.Chain(m)
	if err != nil {
		return err
	}
	for _, m := range chain {
		of := hosts
		if of == nil {
			for host := range m.Parts {
				of = append(of, host)
			}
		}
		for _, host := range of {
			if err := s.VerifyPart(m, host); err != nil {
				return err
			}
		}
	}
	return nil
}

// Here returns whose parts of a generation are in this directory, by the names of the files, in rising order.
func (s *Store) Here(m *Manifest) ([]int, error) {
	names, err := s.list()
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	var hosts []int
	for host := range m.Hosts {
		if there[partName(m.Job, m.Generation, host)] {
			hosts = append(hosts, host)
		}
	}
	return hosts, nil
}

// Newest returns the newest generation that passes Verify for all its hosts, and what is wrong with each newer one, the newest first. Nil if
// there is none. It reads every byte, so it is for directories in which all parts are.
func (s *Store) Newest() (m *Manifest, bad []error, err error) {
	generations, err := s.Manifests()
	if err != nil {
		return nil, nil, err
	}
	for _, g := range generations {
		m, err := s.Manifest(g)
		if err == nil {
			err = s.Verify(m, nil)
		}
		if err == nil {
			return m, bad, nil
		}
		bad = append(bad, fmt.Errorf("generation %d: %w", g, err))
	}
	return nil, bad, nil
}

// Manifests returns the generations that have a manifest here, the newest first, by the names of the files. Nil if the directory is not there.
func (s *Store) Manifests() ([]uint64, error) {
	names, err := s.list()
	if err != nil {
		return nil, err
	}
	var generations []uint64
	for _, name := range names {
		if f, ok := parseName(name); ok && f.manifest {
			generations = append(generations, f.generation)
		}
	}
	slices.Sort(generations)
	slices.Reverse(generations)
	return generations, nil
}
