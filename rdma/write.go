//go:build rdma

package rdma

import (
	"errors"
	"io"

	"jiajia/core/diff"
	"jiajia/core/wire"
)

// The runs of changed bytes in a stream are written one by one when there are no more than freeRuns of them, and one for each
// bytesPerRun of the stream. With more, a message that the home's processor applies is cheaper (docs/architecture.md).
const (
	freeRuns    = 8
	bytesPerRun = 256
)

// writeDiffs stores the changed bytes of a stream of diff records in the frames of a peer.
//
// The completion of an RDMA WRITE alone only says that the peer's device has the bytes. So an RDMA READ of the peer's memory
// follows: it is carried out after the writes, and its own access cannot pass theirs on the way to memory. When it is
// complete, the bytes are there for everybody who is told by any message, over whichever device.
//
// A device writes an aligned word at once, as processors do, though no specification says so, and no byte besides those of the request.
func (h *hand) writeDiffs(l *lane, stream []byte) (bool, error) {
	size := h.t.o.PageSize
	h.pages = h.pages[:0]
	runs := 0
	for r := diff.NewReader(stream, size, wire.MaxPages); ; {
		p, d, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		h.pages = append(h.pages, wire.PageID(p))
		for run := diff.FirstRun(d); run.Next(); {
			runs++
		}
	}
	if runs > h.t.freeRuns+len(stream)/bytesPerRun {
		return false, nil
	}
	if len(h.pages) == 0 {
		return true, nil
	}
	list, ok, err := h.locate(l, h.pages)
	if err != nil || !ok {
		return false, err
	}
	room := h.bounce()
	var e *extent
	var frame uint64
	for r := diff.NewReader(stream, size, wire.MaxPages); ; {
		p, d, err := r.Next()
		if err != nil {
			break // the end; anything else was found above
		}
		if e == nil || !e.has(wire.PageID(p)) {
			e = find(list, p)
		}
		frame = e.frames.addr + (p-e.first)*uint64(size)
		for run := diff.FirstRun(d); run.Next(); {
			n := len(run.Bytes)
			if n > len(room) || len(h.list) == laneEntries {
				if err := h.run(l); err != nil {
					return false, err
				}
				room = h.bounce()
			}
			b := room[:copy(room, run.Bytes)]
			room = room[n:]
			h.write(l, b, frame+uint64(run.Offset), e.frames.key)
		}
	}
	h.read(h.block()[:1], frame, e.frames.key)
	return true, h.run(l)
}
