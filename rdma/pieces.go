package rdma

import "jiajia/core/wire"

// pieces are bytes to be sent that lie in several places.
type pieces struct {
	head []byte
	body [][]byte // what is left after head
}

func (p *pieces) set(head []byte, body [][]byte) { p.head, p.body = head, body }

// advance drops empty pieces.
func (p *pieces) advance() {
	for len(p.head) == 0 && len(p.body) > 0 {
		p.head, p.body = p.body[0], p.body[1:]
	}
}

func (p *pieces) done() bool {
	p.advance()
	return len(p.head) == 0
}

// segment copies the next segment to b, which has segmentBytes. What does not fit in one goes in such that fill a packet of the
// largest size.
func (p *pieces) segment(b []byte) (n int) {
	if uint64(len(p.head))+wire.Bytes(p.body) > segmentBytes {
		b = b[:packetBytes]
	}
	return p.read(b)
}

// read copies the next bytes to b.
func (p *pieces) read(b []byte) (n int) {
	for n < len(b) && !p.done() {
		k := copy(b[n:], p.head)
		p.head = p.head[k:]
		n += k
	}
	return n
}

// rest returns a copy of what is left.
func (p *pieces) rest() []byte {
	b := make([]byte, uint64(len(p.head))+wire.Bytes(p.body))
	p.read(b)
	return b
}
