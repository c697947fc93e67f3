package rdma

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"jiajia/core/wire"
)

// A host tells its peers where its pages and their marks are in a directory, which they read by RDMA. It is a list of blocks of
// entries, of which the last links to the next block. What is in an entry never changes once it is valid, since
// memory stays registered until the transport is closed.
const (
	entryBytes = 64
	blockBytes = 4096

	entryValid = entryBytes - 1 // offset of the byte that is 1 in a valid entry, and 0 before
)

// slabPages is the alignment, in pages, of what is registered at once, and its size at most. The marks of a slab fill a page of the
// kernel's size.
const slabPages = 4096

// pagesPerSummary is how many marks share a byte that says that there is one among them.
const pagesPerSummary = 512

// A place is memory of a host that peers use: its address there, and the key to it.
type place struct {
	addr uint64
	key  uint32
}

// An extent is a run of pages of a host. Its marks are a byte for each page and then, from a multiple of 8 on, the bytes that
// sum them up.
type extent struct {
	first, count  uint64 // count is 0 in the entry that links: its frames are the next block
	frames, marks place
}

func (e *extent) end() uint64 { return e.first + e.count }

func (e *extent) has(p wire.PageID) bool { return e.first <= uint64(p) && uint64(p) < e.end() }

// summary is the address of the byte that sums up the mark of the page with this index.
func (e *extent) summary(i uint64) uint64 {
	return e.marks.addr + roundUp(e.count, 8) + i/pagesPerSummary
}

// marksBytes is what the marks of an extent take.
func marksBytes(count uint64) uint64 {
	return roundUp(count, 8) + roundUp((count+pagesPerSummary-1)/pagesPerSummary, 8)
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

// put writes an entry, but for the byte that makes it valid.
func (e *extent) put(b []byte) {
	le := binary.LittleEndian
	for i, v := range []uint64{e.first, e.count, e.frames.addr, e.marks.addr} {
		le.PutUint64(b[8*i:], v)
	}
	le.PutUint32(b[32:], e.frames.key)
	le.PutUint32(b[36:], e.marks.key)
}

var errDirectory = errors.New("impossible directory of pages")

// get reads an entry that is valid.
func (e *extent) get(b []byte) error {
	le := binary.LittleEndian
	*e = extent{
		first: le.Uint64(b), count: le.Uint64(b[8:]),
		frames: place{le.Uint64(b[16:]), le.Uint32(b[32:])}, marks: place{le.Uint64(b[24:]), le.Uint32(b[36:])},
	}
	if e.count > wire.MaxPages || e.first > wire.MaxPages-e.count {
		return fmt.Errorf("%w: %d pages from %d on", errDirectory, e.count, e.first)
	}
	return nil
}

// insert adds an extent to a list in the order of their pages, unless it overlaps one.
func insert(list []extent, e extent) ([]extent, error) {
	at, _ := slices.BinarySearchFunc(list, e.first, func(x extent, first uint64) int {
		if x.first < first {
			return -1
		}
		return 1
	})
	if at > 0 && list[at-1].end() > e.first || at < len(list) && e.end() > list[at].first {
		return nil, fmt.Errorf("%w: %d pages from %d on, twice", errDirectory, e.count, e.first)
	}
	return slices.Insert(list, at, e), nil
}

// find returns the extent of a page in such a list, or nil.
func find(list []extent, p uint64) *extent {
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; list[mid].end() <= p {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(list) && list[lo].first <= p {
		return &list[lo]
	}
	return nil
}

// A card is what a host tells the others: where it listens, where it beats and, when it offers memory, where its directory begins.
type card struct {
	at               netip.AddrPort
	beats, directory place
}

func (c *card) String() string {
	text := fmt.Sprintf("%v,%v", c.at, c.beats)
	if c.directory.addr != 0 {
		text += "," + c.directory.String()
	}
	return text
}

func (p place) String() string { return fmt.Sprintf("%x,%x", p.addr, p.key) }

func readCard(text string) (c card, err error) {
	words := strings.Split(text, ",")
	if len(words) != 3 && len(words) != 5 {
		return c, fmt.Errorf("%d parts", len(words))
	}
	if c.at, err = netip.ParseAddrPort(words[0]); err == nil {
		c.beats, err = readPlace(words[1:])
	}
	if err == nil && len(words) > 3 {
		c.directory, err = readPlace(words[3:])
	}
	return c, err
}

func readPlace(words []string) (p place, err error) {
	if p.addr, err = strconv.ParseUint(words[0], 16, 64); err != nil {
		return p, err
	}
	key, err := strconv.ParseUint(words[1], 16, 32)
	p.key = uint32(key)
	return p, err
}
