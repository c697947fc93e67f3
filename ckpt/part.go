package ckpt

// A PartInfo says whose part a file is. All of it is in the file's header.
type PartInfo struct {
	Job        JobID
	Generation uint64 // from 1
	Base       uint64 // the generation that this one builds on, below Generation; 0: none, it is full
	Host       int    // below Hosts
	Hosts      int    // from 1 to MaxHosts
	PageSize   int    // bytes, a power of two up to MaxBlock
	Compress   bool   // whether blocks may be compressed
}

// A Part is what a manifest knows of a part: enough to tell it from any other and from a piece of itself.
type Part struct {
	Host  int    `json:"host"`
	Bytes int64  `json:"bytes"` // size of the file
	Pages uint64 `json:"pages"` // how many pages it has contents of
	Sum   uint32 `json:"sum"`   // checksum over the headers of all blocks, which have those of the contents
}

// A Kind is what a block holds.
type Kind uint8

// The kinds of blocks. KindEnd is in files only: Next turns it into io.EOF.
const (
	KindZero    Kind = 1 // pages that read as zero, whatever an older generation has
	KindPages   Kind = 2 // contents of pages
	KindSection Kind = 3 // a piece of named data
	KindEnd     Kind = 4
)

// A Block is what PartReader.Next returns.
type Block struct {
	Kind  Kind
	First uint64 // KindZero, KindPages: the first page
	Count uint64 // KindZero, KindPages: how many pages

	Name   string // KindSection
	Offset uint64 // KindSection: where in the section Data belongs; pieces come in order, with nothing between them
	Total  uint64 // KindSection: bytes of the whole section

	Data []byte // contents, checked; valid until the next call of the reader
}
