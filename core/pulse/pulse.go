// Package pulse finds hosts that hang, or that the network does not reach, by their silence. (One that dies is found by the end of
// its connections, at once, and needs none of this.)
//
// Every host beats: a thread of its own (Clock), which waits for nothing else and shares no lock with those that serve or compute,
// tells each peer BeatsEach times in each deadline that it runs. How it tells is the transport's business; it must not wait for a
// peer that does not listen. The same thread, or another one of the transport, looks what has been heard of each peer and asks a
// Monitor who has been silent for too long.
//
// Silence counts only while the host that listens runs itself: each look adds the time since the one before, but no more than
// a small part of the deadline. So a job that was stopped as a whole, or a machine that was, goes on as if nothing had been; and a
// host that is short of processor time is slower to accuse others, not faster.
package pulse

import (
	"fmt"
	"time"
)

// BeatsEach is how often a host beats, and looks, in each deadline: often enough that a beat or two may come late, or be lost, and seldom enough
// to cost nothing; and few enough altogether that what a stopped peer has not read until it is given up fits into any buffer.
const BeatsEach = 20

// Interval is the time between two beats for a deadline.
func Interval(deadline time.Duration) time.Duration { return deadline / BeatsEach }

// slack is how much more than the deadline a silence lasts before it counts, in beats: the last one may have been sent this long
// before it was noticed, and the next may be noticed this long after it was sent. So a pause that is shorter than the deadline is never
// taken for a loss.
const slack = 2

// mostEach is how many intervals a look counts at most.
const mostEach = 2

// A Silence is the error of a peer that has been silent for longer than the deadline, which is its value.
type Silence time.Duration

// Error implements error.
func (s Silence) Error() string {
	return fmt.Sprintf("nothing was heard of it for %v s: it hangs, or the network does not reach it (JIA_PEER_TIMEOUT)", time.Duration(s).Seconds())
}

// A Monitor tells which of some peers are late. It has no clock of its own, and is used by one thread at a time.
type Monitor struct {
	deadline time.Duration
	last     time.Time // of the last look
	peers    []state
}

type state struct {
	beats  bool          // it has been heard of at least once: before that it has perhaps not begun
	silent time.Duration // since then, or since it was heard of last, as far as it counts
	late   bool          // Look has said so
}

// NewMonitor begins to watch peers, numbered from 0, at a time.
func NewMonitor(deadline time.Duration, peers int, now time.Time) *Monitor {
	return &Monitor{deadline: deadline, last: now, peers: make([]state, peers)}
}

// Deadline is what the monitor was made with.
func (m *Monitor) Deadline() time.Duration { return m.deadline }

// Look takes in what has been heard since the last look: heard tells it for each peer. It returns those that are late now, each once. Times must not run
// backwards. A peer that has never been heard of is never late.
func (m *Monitor) Look(now time.Time, heard func(peer int) bool) (late []int) {
	passed := min(now.Sub(m.last), mostEach*Interval(m.deadline))
	m.last = now
	for i := range m.peers {
		p := &m.peers[i]
		switch {
		case p.late:
		case heard(i):
			p.beats, p.silent = true, 0
		case p.beats:
			if p.silent += passed; p.silent > m.deadline+slack*Interval(m.deadline) {
				p.late = true
				late = append(late, i)
			}
		}
	}
	return late
}
