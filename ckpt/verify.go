package ckpt

import (
	"errors"
	"fmt"
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

// VerifyPart reads every byte of one part of one generation.
func (s *Store) VerifyPart(m *Manifest, host int) error { return errors.ErrUnsupported }

// Verify reads every byte of the parts of these hosts (nil: all) over the whole chain of m. It is for directories that have the manifests.
func (s *Store) Verify(m *Manifest, hosts []int) error { return errors.ErrUnsupported }

// Here returns whose parts of a generation are in this directory, by the names of the files, in rising order.
func (s *Store) Here(m *Manifest) ([]int, error) { return nil, errors.ErrUnsupported }
