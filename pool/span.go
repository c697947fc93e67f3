package pool

import "math/bits"

// span is a run of pages that is divided into objects of one class.
type span struct {
	first, pages uint64
	class        int
	count        int // objects
	// in has a bit for each object that is here, neither the program's nor in a magazine; here is how many these are.
	in   []uint64
	here int
	hint int // no word of in before this one has a bit
	// prev and next link the spans of a class that have objects here.
	prev, next *span
}

func newSpan(first, pages uint64, class, count int) *span {
	s := &span{first: first, pages: pages, class: class, count: count, here: count, in: make([]uint64, (count+63)/64)}
	for i := range s.in {
		s.in[i] = ^uint64(0)
	}
	if rest := count % 64; rest > 0 {
		s.in[len(s.in)-1] = 1<<rest - 1
	}
	return s
}

// take removes an object; the caller has seen that there is one.
func (s *span) take() int {
	for s.in[s.hint] == 0 {
		s.hint++
	}
	w := &s.in[s.hint]
	i := s.hint*64 + bits.TrailingZeros64(*w)
	*w &= *w - 1
	s.here--
	return i
}

// put returns an object, and tells whether it was away.
func (s *span) put(i int) bool {
	w, bit := &s.in[i/64], uint64(1)<<(i%64)
	if *w&bit != 0 {
		return false
	}
	*w |= bit
	s.here++
	s.hint = min(s.hint, i/64)
	return true
}

// spanList is the spans of a class that have objects here. The one that was used last is first.
type spanList struct{ head *span }

func (l *spanList) push(s *span) {
	s.next = l.head
	if s.next != nil {
		s.next.prev = s
	}
	l.head = s
}

func (l *spanList) remove(s *span) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
