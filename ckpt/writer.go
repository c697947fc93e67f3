package ckpt

import "errors"

// A PartWriter writes a part. After an error all further calls return the same error, and the part is to be abandoned.
type PartWriter struct{}

// CreatePart begins a part, under a temporary name. It fails if the part is there already, and with ErrBase if it builds on one
// of this host that is not here.
func (s *Store) CreatePart(info PartInfo) (*PartWriter, error) {
	return nil, errors.ErrUnsupported
}

// Zero says that pages are zero. All calls of it come before those of Pages.
func (w *PartWriter) Zero(first, count uint64) error { return errors.ErrUnsupported }

// Pages stores the contents of whole pages, from page first on; data is not kept. A page comes once in a part; the order is the caller's.
func (w *PartWriter) Pages(first uint64, data []byte) error { return errors.ErrUnsupported }

// Section stores data of any size under a name of 1 to MaxName bytes. A name comes once in a part.
func (w *PartWriter) Section(name string, data []byte) error { return errors.ErrUnsupported }

// Close ends the part: it blocks until the file is on disk under its name. When it fails, nothing is left. The writer is done with either way.
func (w *PartWriter) Close() (Part, error) { return Part{}, errors.ErrUnsupported }

// Abandon removes what was written. After Close it does nothing, so that it may be deferred.
func (w *PartWriter) Abandon() {}
