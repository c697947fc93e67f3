package epoll

const (
	readBytes    = 256 << 10 // most that one connection gets per turn, beside the rest of a begun message
	spareBuffers = 4         // large message buffers kept for the next large message
)

// A space is where connections read to. It belongs to their reader.
type space struct {
	buf   []byte // empty between turns
	in    vector
	spare [][]byte // of maxMessage bytes
}

func newSpace() space { return space{buf: make([]byte, readBytes)} }

// take returns an empty buffer for a message of the given size, header included; give takes it back.
func (s *space) take(size int) []byte {
	if size <= 4096 {
		return make([]byte, 0, 4096)
	}
	if n := len(s.spare); n > 0 {
		b := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, maxMessage)
}

func (s *space) give(b []byte) {
	if cap(b) == maxMessage && len(s.spare) < spareBuffers {
		s.spare = append(s.spare, b)
	}
}
