package core

// ahead predicts which absent pages the program is going to access, from its misses: the accesses that had to wait for a
// fetch. It decides only; the machine fetches. Like the machine it is not safe for concurrent use.
//
// It knows three things: single misses, each with a guess of the stride that led to it; streams, which have shown
// several equal strides and are fetched ahead, window by window; and runs, how far the streams of the past went, by their
// first page, so that a program that comes back after an invalidation gets a whole run at once.
//
// A step of a walk goes to the next page in its direction that is fetchable. So a walk over memory that is dealt round
// the hosts, or is partly here, is one stream.
//
// The last page of each window is its probe. The machine installs it without mapping it, so that the first access to it is
// a fault that needs no message, and reports that fault to touched: the window was used. A miss behind the window says
// the same. Without touched, windows that end where the program's walk ends would look unused.
type ahead struct {
	clock   uint64
	more    uint8 // equal strides beyond leastEqual that make a stream, while the beginnings of streams are false alarms
	singles [aheadStreams]single
	streams [aheadStreams]stream
	runs    [aheadRuns]run

	// asked counts the pages that miss returned; unused those of them that were dropped before the program was seen to
	// have come past them. Of a window that was used in part unused counts all pages.
	asked, unused uint64
}

const (
	aheadStreams = 8 // a power of 2
	aheadRunBits = 7
	aheadRuns    = 1 << aheadRunBits

	leastEqual  = 2    // equal strides that make a stream at best
	mostMore    = 4    // ... and so many more at worst
	firstWindow = 2    // pages
	mostWindow  = 1024 // pages; the caller's limit is below
	restMisses  = 8    // of a stream whose windows went unused, before it is tried again
	longest     = 1024 // stride, in pages
)

// single is a miss that belongs to no stream.
type single struct {
	first  PageID // where the equal strides began
	page   PageID
	stride int64  // from an earlier miss nearby; 0 for none
	equal  uint8  // how many times in a row
	at     uint64 // clock; 0 in an entry that is not used
}

// stream is a walk that is fetched ahead. Its window is what is behind last, up to edge.
type stream struct {
	first  PageID
	last   PageID // the program has come here
	edge   PageID // the newest page asked for, the probe; last when the window is empty
	stride int64  // 0 in an entry that is not used
	window int    // pages to ask for next time
	size   int    // pages of the window
	left   int    // ... less those that were dropped, or missed all the same
	rest   int    // misses until the window grows again from 0
	fresh  bool   // no window was seen to be used yet, and no run of the past spoke for it
	failed bool   // the window was for nothing, in part at least
	at     uint64
}

// run is how far a walk that began at first has come.
type run struct {
	first, end PageID
	stride     int64 // 0 in an entry that is not used
}

// miss appends to dst the pages to be fetched together with p, which is absent and about to be fetched: at most limit-1,
// in the order of the walk, each once, only pages that are fetchable. The last of them is the probe.
func (a *ahead) miss(p PageID, limit int, fetchable func(PageID) bool, dst []PageID) []PageID {
	if limit < 2 {
		return dst
	}
	a.clock++
	had := len(dst)
	if s := a.follow(p, fetchable); s != nil {
		dst = a.goOn(s, p, limit, fetchable, dst)
	} else if dst = a.again(p, limit, fetchable, dst); len(dst) == had {
		dst = a.begin(p, limit, fetchable, dst)
	}
	a.asked += uint64(len(dst) - had)
	return dst
}

// touched tells of the first access to a probe. It may be any page.
func (a *ahead) touched(p PageID) {
	for i := range a.streams {
		if s := &a.streams[i]; s.edge == p && s.last != p {
			a.succeed(s)
			return
		}
	}
}

// dropped tells of a copy that is given up, for an invalidation or for lack of room. It may be any page.
func (a *ahead) dropped(p PageID) {
	for i := range a.streams {
		if s := &a.streams[i]; s.holds(p) {
			if s.left > 0 {
				a.unused++
			}
			a.lose(s)
			return
		}
	}
}

// follow returns the stream that a miss continues, if any.
func (a *ahead) follow(p PageID, fetchable func(PageID) bool) *stream {
	for i := range a.streams {
		s := &a.streams[i]
		if s.stride != 0 && (follows(s.edge, p, s.stride, fetchable) || s.holds(p)) {
			return s
		}
	}
	return nil
}

// goOn moves a stream to its next miss and asks for the next window.
func (a *ahead) goOn(s *stream, p PageID, limit int, fetchable func(PageID) bool, dst []PageID) []PageID {
	switch {
	case s.last == s.edge: // nothing was asked ahead, or its use was seen
	case s.holds(p):
		// Fetched in vain. Few such pages change nothing.
		if a.lose(s); !s.failed {
			s.last, s.at = p, a.clock
			return dst
		}
	default:
		a.succeed(s)
	}
	s.last, s.edge, s.failed, s.at = p, p, false, a.clock
	a.learn(s.first, p, s.stride)
	if r := a.run(s.first); r.is(s) && r.end != p {
		s.window = firstWindow // for what may come behind the run
		return s.fill(limit-1, &r.end, fetchable, dst)
	}
	if s.window == 0 {
		if s.rest--; s.rest > 0 {
			return dst
		}
		s.window = 1
	}
	return s.fill(min(s.window, limit-1), nil, fetchable, dst)
}

// again begins a run of the past anew when p is its first page.
func (a *ahead) again(p PageID, limit int, fetchable func(PageID) bool, dst []PageID) []PageID {
	r := a.run(p)
	if r.first != p || r.stride == 0 {
		return dst
	}
	s := stream{first: p, last: p, edge: p, stride: r.stride, window: firstWindow, at: a.clock}
	dst = s.fill(limit-1, &r.end, fetchable, dst)
	if s.edge != p {
		a.open(s)
	}
	return dst
}

// begin deals with a miss that continues nothing. The last of enough equal strides makes a stream.
func (a *ahead) begin(p PageID, limit int, fetchable func(PageID) bool, dst []PageID) []PageID {
	// Keys with an index in their last bits: finding the least takes no branch that a processor would guess wrong.
	oldest, nearest := ^uint64(0), uint64(longest+1)*aheadStreams
	for i := range a.singles {
		e := &a.singles[i]
		if e.stride != 0 && follows(e.page, p, e.stride, fetchable) {
			e.page, e.at = p, a.clock
			e.equal++
			a.learn(e.first, p, e.stride)
			if e.equal < leastEqual+a.more {
				return dst
			}
			s := stream{first: e.first, last: p, edge: p, stride: e.stride, window: firstWindow, fresh: true, at: a.clock}
			*e = single{}
			dst = s.fill(min(firstWindow, limit-1), nil, fetchable, dst)
			a.open(s)
			return dst
		}
		oldest = min(oldest, e.at*aheadStreams+uint64(i))
		if e.at != 0 && e.page != p {
			d := int64(p - e.page)
			sign := d >> 63
			nearest = min(nearest, uint64(d^sign-sign)*aheadStreams+uint64(i))
		}
	}
	e := single{first: p, page: p, at: a.clock}
	if from := &a.singles[nearest%aheadStreams]; nearest/aheadStreams <= longest {
		e.first, e.stride, e.equal = from.page, guess(from.page, p, fetchable), 1
		if e.stride == 1 || e.stride == -1 {
			a.learn(e.first, p, e.stride) // a run of two pages
		}
	}
	a.singles[oldest%aheadStreams] = e
	return dst
}

// open puts a new stream in the place of its predecessor, or of the one that was idle longest.
func (a *ahead) open(s stream) {
	place := &a.streams[0]
	for i := range a.streams {
		e := &a.streams[i]
		if e.first == s.first && e.stride == s.stride {
			place = e
			break
		}
		if e.at < place.at {
			place = e
		}
	}
	if place.last != place.edge && place.first != s.first {
		a.fail(place) // the program went elsewhere
	}
	*place = s
}

// succeed takes note that all of s's window was used.
func (a *ahead) succeed(s *stream) {
	s.last = s.edge
	a.learn(s.first, s.last, s.stride)
	if s.failed {
		return
	}
	s.window = min(max(1, 2*s.window), mostWindow)
	if s.fresh && a.more > 0 {
		a.more--
	}
	s.fresh = false
}

// lose takes note of a page of s's window that was fetched for nothing. A quarter of them makes the window a failure.
func (a *ahead) lose(s *stream) {
	s.left = max(s.left-1, 0)
	if 4*(s.size-s.left) >= s.size {
		a.fail(s)
	}
}

// fail takes note, once a window, that s's window was for nothing, in part at least: the next one is half as long, and a
// run that was expected to go on so far is expected to end half way.
func (a *ahead) fail(s *stream) {
	if s.failed {
		return
	}
	s.failed = true
	if s.window /= 2; s.window == 0 {
		s.rest = restMisses
	}
	if s.fresh && a.more < mostMore {
		a.more++
	}
	half := int64(s.edge-s.last) / s.stride / 2
	if r := a.run(s.first); r.is(s) && int64(r.end-s.last)/s.stride > half {
		if r.end = s.last + PageID(half*s.stride); r.end == r.first {
			*r = run{}
		}
	}
}

// run returns the place of the run that begins at first; another may be there.
func (a *ahead) run(first PageID) *run {
	return &a.runs[uint64(first)*0x9e3779b97f4a7c15>>(64-aheadRunBits)]
}

func (r *run) is(s *stream) bool { return r.first == s.first && r.stride == s.stride }

// learn takes note that a walk has come from first to end.
func (a *ahead) learn(first, end PageID, stride int64) {
	r := a.run(first)
	if r.first != first || r.stride != stride {
		*r = run{first, end, stride}
	} else if int64(end-r.end) > 0 == (stride > 0) {
		r.end = end
	}
}

// holds tells whether p is in s's window.
func (s *stream) holds(p PageID) bool {
	if s.last == s.edge {
		return false
	}
	n, d := int64(s.edge-s.last), int64(p-s.last)
	if s.stride < 0 {
		n, d = -n, -d
	}
	return d > 0 && d <= n && d%s.stride == 0
}

// fill asks for up to most pages behind the stream's newest miss, none beyond until if that is given.
func (s *stream) fill(most int, until *PageID, fetchable func(PageID) bool, dst []PageID) []PageID {
	s.size = 0
	pass := passable(s.stride)
	for p := s.last; most > 0 && pass > 0 && (until == nil || p != *until); {
		next := p + PageID(s.stride)
		if next < p != (s.stride < 0) {
			break // there are no such pages
		}
		p = next
		pass--
		if fetchable(p) {
			dst = append(dst, p)
			s.edge = p
			s.size++
			most--
			pass = passable(s.stride)
		}
	}
	s.left = s.size
	return dst
}
