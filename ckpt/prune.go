package ckpt

import "errors"

// Keep returns the numbers of the newest n generations that are complete and of all that they build on, the newest first. It is for the
// directory that has the manifests; what it returns is for Prune, there and elsewhere.
func (s *Store) Keep(n int) ([]uint64, error) { return nil, errors.ErrUnsupported }

// Prune removes the files of all generations that are not among these, up to the newest of these: complete ones, parts of generations that
// never became complete, and what writers that died have left. What is newer may be under way and stays. With an empty list it
// does nothing. It goes on after an error and returns the first.
func (s *Store) Prune(keep []uint64) error { return errors.ErrUnsupported }
