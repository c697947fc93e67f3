package ckpt

import (
	"errors"
	"io/fs"
	"slices"
)

// Keep returns the numbers of the newest n generations that are complete and of all that they build on, the newest first. It is for the
// directory that has the manifests; what it returns is for Prune, there and elsewhere. A generation whose manifest is damaged or whose
// chain is broken does not count.
func (s *Store) Keep(n int) ([]uint64, error) {
	return s.KeepAmong(n, func(uint64) bool { return true })
}

// KeepAmong is Keep where some generations do not count: they are kept only if another one builds on them.
func (s *Store) KeepAmong(n int, counts func(generation uint64) bool) ([]uint64, error) {
	generations, err := s.Manifests()
	if err != nil {
		return nil, err
	}
	generations = slices.DeleteFunc(generations, func(g uint64) bool { return !counts(g) })
	var keep []uint64
	for _, g := range generations {
		if n == 0 {
			break
		}
		chain, err := s.complete(g)
		if err != nil {
			return nil, err
		}
		if chain == nil {
			continue
		}
		n--
		for _, m := range chain {
			if !slices.Contains(keep, m.Generation) {
				keep = append(keep, m.Generation)
			}
		}
	}
	slices.Sort(keep)
	slices.Reverse(keep)
	return keep, nil
}

// complete returns a generation's chain, or nil if it is not good for anything. An error is one of reading: it may be good then.
func (s *Store) complete(generation uint64) ([]*Manifest, error) {
	m, err := s.Manifest(generation)
	var chain []*Manifest
	if err == nil {
		chain, err = s.Chain(m)
	}
	var damage *Damage
	var failed *fs.PathError
	if errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &damage) {
		return nil, err
	}
	return chain, nil
}

// Prune removes the files of all generations that are not among these, up to the newest of these: complete ones, parts of generations that
// never became complete, and what writers that died have left, of whatever job. What is newer may be under way and stays. With an
// empty list it does nothing. It goes on after an error and returns the first. Several hosts may do so at once.
func (s *Store) Prune(keep []uint64) error {
	if len(keep) == 0 {
		return nil
	}
	names, err := s.list()
	if err != nil {
		return err
	}
	newest := slices.Max(keep)
	var manifests, others []string
	for _, name := range names {
		f, ok := parseName(name)
		switch {
		case !ok || f.generation > newest || slices.Contains(keep, f.generation) && !f.temp:
		case f.manifest:
			manifests = append(manifests, name)
		default:
			others = append(others, name)
		}
	}
	// A generation ceases to exist before its parts go, also in the order in which that reaches the disk.
	if len(manifests) > 0 {
		err = s.removeAll(manifests)
		if e := s.fs.Sync(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return s.removeAll(others)
}

// RemovePart removes a part that was closed, of a generation that did not become complete.
func (s *Store) RemovePart(job JobID, generation uint64, host int) error {
	return s.removeAll([]string{partName(job, generation, host)})
}

func (s *Store) removeAll(names []string) error {
	var first error
	for _, name := range names {
		if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = err
		}
	}
	return first
}
