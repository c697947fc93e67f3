package ckpt

// NewPartReader opens the part of host 0 wherever it is.
func NewPartReader(in Input, m *Manifest) (*PartReader, error) {
	return newPartReader(in, "a part", m, m.Parts[0])
}

// DecodeManifest and EncodeManifest are the text of a manifest.
func DecodeManifest(b []byte) (*Manifest, error) { return decodeManifest(b) }

// EncodeManifest is the reverse.
func EncodeManifest(m *Manifest) ([]byte, error) { return m.encode() }
