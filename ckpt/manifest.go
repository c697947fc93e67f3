package ckpt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// MaxManifest is how many bytes a manifest has at most.
const MaxManifest = 256 << 20

// A JobID tells one run of a program from all others, also from the one that it was restored from: random bytes.
type JobID [16]byte

// String returns the ID in 32 hexadecimal digits.
func (j JobID) String() string { return hex.EncodeToString(j[:]) }

// MarshalText writes the ID as String does.
func (j JobID) MarshalText() ([]byte, error) { return []byte(j.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (j *JobID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(j) {
		return fmt.Errorf("a job's ID is %d hexadecimal digits, not %.50q", 2*len(j), text)
	}
	copy(j[:], b)
	return nil
}

// A Manifest makes a generation complete and says what belongs to it. It can travel as JSON.
type Manifest struct {
	Job        JobID           `json:"job"`
	Generation uint64          `json:"generation"`
	Base       uint64          `json:"base"` // as PartInfo.Base
	Hosts      int             `json:"hosts"`
	PageSize   int             `json:"pagesize"`
	Time       time.Time       `json:"time"`  // when the checkpoint was taken
	Parts      []Part          `json:"parts"` // of host 0, 1, ...: one per host
	State      json.RawMessage `json:"state"` // what the writer wants to find again; nil is null
}

// check says what is wrong with a manifest that a caller or a file has.
func (m *Manifest) check() error {
	p := PartInfo{m.Job, m.Generation, m.Base, 0, m.Hosts, m.PageSize, false}
	if err := p.check(); err != nil {
		return err
	}
	if len(m.Parts) != m.Hosts {
		return fmt.Errorf("%d parts of %d hosts", len(m.Parts), m.Hosts)
	}
	for i, part := range m.Parts {
		if part.Host != i || part.Bytes < partHeaderSize+blockHeaderSize {
			return fmt.Errorf("part %d is that of host %d and has %d bytes", i, part.Host, part.Bytes)
		}
	}
	return nil
}

// manifestLine is how the first line of a file begins: format version, bytes of the JSON text that follows the line.
const manifestLine = "jia-ckpt manifest %d %d"

// encode returns the file: a line with a checksum, over what is before it in the line and all behind the line, and a JSON text.
func (m *Manifest) encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	line := fmt.Appendf(nil, manifestLine, Version, len(text))
	sum := crc32.Update(crc32.Checksum(line, castagnoli), castagnoli, text)
	return append(fmt.Appendf(line, " %08x\n", sum), text...), nil
}

// decodeManifest reads what encode has made, and nothing else. The error does not name the file.
func decodeManifest(b []byte) (*Manifest, error) {
	line, text, ok := bytes.Cut(b, []byte("\n"))
	if !ok || len(line) > 100 {
		return nil, errors.New("it does not begin as a manifest")
	}
	var version, size int
	if _, err := fmt.Sscanf(string(line), manifestLine, &version, &size); err != nil {
		return nil, errors.New("it does not begin as a manifest")
	}
	again := fmt.Appendf(nil, manifestLine, version, size)
	sum := crc32.Update(crc32.Checksum(again, castagnoli), castagnoli, text)
	switch again = fmt.Appendf(again, " %08x", sum); {
	case len(text) != size:
		return nil, fmt.Errorf("%d bytes follow the first line, and it says %d", len(text), size)
	case !bytes.Equal(line, again):
		return nil, errors.New("the checksum is wrong")
	case version != Version:
		return nil, fmt.Errorf("its format is version %d, and this program reads version %d", version, Version)
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	return m, m.check()
}

// Commit writes the manifest into the directory: with that, and not before, the generation exists. All its parts must have been closed.
// It fails if there is a generation of that number, and with ErrBase if the chain that it builds on is not there.
func (s *Store) Commit(m *Manifest) error {
	text, err := m.encode()
	if err == nil && len(text) > MaxManifest {
		err = fmt.Errorf("%d bytes, and %d is the limit", len(text), MaxManifest)
	}
	if err != nil {
		return fmt.Errorf("write a manifest: %w", err)
	}
	if err := s.fs.Make(); err != nil {
		return err
	}
	if _, err := s.Chain(m); err != nil {
		return fmt.Errorf("%w: %w", ErrBase, err)
	}
	if old, err := s.Manifest(m.Generation); err == nil {
		return fmt.Errorf("%s is there already, of job %s of %s: each job that runs needs a checkpoint directory of its own",
			s.fs.Path(manifestName(m.Generation)), old.Job, old.Time.Format(time.DateTime))
	}
	temp := manifestTemp(m.Job, m.Generation)
	out, err := s.fs.Create(temp)
	if err != nil {
		return err
	}
	return s.publish(out, writeAll(out, text), temp, manifestName(m.Generation))
}

// Manifest reads and checks the manifest of a generation.
func (s *Store) Manifest(generation uint64) (*Manifest, error) {
	name := manifestName(generation)
	in, err := s.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if in.Size() > MaxManifest {
		return nil, &Damage{s.fs.Path(name), -1, fmt.Sprintf("it has %d bytes, and a manifest has at most %d", in.Size(), MaxManifest)}
	}
	text, err := io.ReadAll(io.LimitReader(in, MaxManifest))
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(text)
	if err == nil && m.Generation != generation {
		err = fmt.Errorf("it is of generation %d", m.Generation)
	}
	if err != nil {
		return nil, &Damage{s.fs.Path(name), -1, err.Error()}
	}
	return m, nil
}
