package shm

import (
	"encoding/binary"
	"fmt"

	"jiajia/core/wire"
)

// give passes the peer the descriptors of this host, and more.
func (p *peer) give(more []int) error {
	t := p.t
	fds := append([]int{t.fd, t.dataFd}, more...)
	if t.o.Memory.Size > 0 {
		fds = append(fds, t.o.Memory.Fd)
	}
	return write(p.conn, binary.LittleEndian.AppendUint64([]byte(giftMagic), t.o.Memory.Size), fds)
}

// takeGift takes those of the peer, and maps what is to be mapped. The caller frees p after an error.
func (p *peer) takeGift() error {
	b, fds, err := receive(p.conn, giftSize, 4)
	if err != nil {
		return err
	}
	rest, err := p.unwrap(b, fds)
	closeAll(rest)
	if err != nil {
		return fmt.Errorf("take its memory: %w", err)
	}
	return nil
}

// unwrap returns the descriptors that p does not keep.
func (p *peer) unwrap(b []byte, fds []int) (rest []int, err error) {
	t := p.t
	if len(b) != giftSize || string(b[:magicSize]) != giftMagic {
		return fds, errNoHost
	}
	size := binary.LittleEndian.Uint64(b[magicSize:])
	pages := size / uint64(t.o.PageSize)
	want := 2
	if p.side == acceptor {
		want++
	}
	if size > 0 {
		want++
	}
	if len(fds) != want || pages > wire.MaxPages {
		return fds, fmt.Errorf("%d descriptors for a region of %d bytes: %w", len(fds), size, errNoHost)
	}
	if p.theirs, err = joinSegment(fds[0], marksStart+marksBytes(pages)); err != nil {
		return fds, err
	}
	if p.side == acceptor {
		if p.pair, err = joinSegment(fds[2], pairBytes()); err != nil {
			return fds, err
		}
	}
	rest = append(rest, fds[0])
	rest = append(rest, fds[2:]...)
	p.dataFd = fds[1]
	if size > 0 {
		region := fds[len(fds)-1]
		if err := sizedAtLeast(region, size); err != nil {
			return rest, err
		}
		rest = rest[:len(rest)-1]
		p.far = newFar(region, size, t.o.PageSize, marksAt(p.theirs, marksStart, pages))
	}
	return rest, nil
}
