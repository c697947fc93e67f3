package ckpt

import "errors"

// A PartReader reads a part from its beginning to its end. What it returns is checked.
type PartReader struct{}

// OpenPart opens a part of a generation and checks that it is the one that the manifest means. fs.ErrNotExist: it is not here.
func (s *Store) OpenPart(m *Manifest, host int) (*PartReader, error) {
	return nil, errors.ErrUnsupported
}

// Next returns the next block. io.EOF comes after all of them, when the file is whole and the one that the manifest means.
func (r *PartReader) Next() (Block, error) { return Block{}, errors.ErrUnsupported }

// Whole returns the section whose first piece is b, which Next has just returned; the caller owns the result.
func (r *PartReader) Whole(b Block) ([]byte, error) { return nil, errors.ErrUnsupported }

// Close closes the file.
func (r *PartReader) Close() error { return nil }
