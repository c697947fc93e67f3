package ckpt

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A JobID tells one run of a program from all others, also from the one that it was restored from: random bytes.
type JobID [16]byte

// String returns the ID in 32 hexadecimal digits.
func (j JobID) String() string { return hex.EncodeToString(j[:]) }

// MarshalText writes the ID as String does.
func (j JobID) MarshalText() ([]byte, error) { return []byte(j.String()), nil }

// UnmarshalText reads what MarshalText has written, and nothing else.
func (j *JobID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(j) {
		return fmt.Errorf("a job's ID is %d hexadecimal digits, not %.50q", 2*len(j), text)
	}
	copy(j[:], b)
	return nil
}

// A Manifest makes a generation complete and says what belongs to it.
type Manifest struct {
	Version    int             `json:"version"` // Version; Commit fills it in
	Job        JobID           `json:"job"`
	Generation uint64          `json:"generation"`
	Base       uint64          `json:"base"` // as PartInfo.Base
	Hosts      int             `json:"hosts"`
	PageSize   int             `json:"pagesize"`
	Time       time.Time       `json:"time"`  // when the checkpoint was taken
	Parts      []Part          `json:"parts"` // of host 0, 1, ...: one per host
	State      json.RawMessage `json:"state"` // what the writer wants to find again; nil is null
}

// Commit writes the manifest into the directory: with that, and not before, the generation exists. All its parts must have been closed.
// It fails if there is a generation of that number, and with ErrBase if the chain that it builds on is not there.
func (s *Store) Commit(m *Manifest) error {
	return errors.ErrUnsupported
}

// Manifest reads and checks the manifest of a generation.
func (s *Store) Manifest(generation uint64) (*Manifest, error) {
	return nil, errors.ErrUnsupported
}

// Chain returns the generations that m builds on: m first, the full one last. It reads their manifests.
func (s *Store) Chain(m *Manifest) ([]*Manifest, error) {
	return nil, errors.ErrUnsupported
}
