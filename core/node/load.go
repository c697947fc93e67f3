package node

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"jiajia/core/balance"
	"jiajia/core/message"
)

// load is what jia_divtask and jia_loadcheck know. Only one thread of a host is measured, the one that makes these calls:
// it computes whenever it does not wait in the library, which the tally knows.
type load struct {
	on atomic.Bool // LOADBAL

	mu      mutex // guards what follows; taken before Node.mu
	weights []uint64
	units   uint64 // of the last jia_divtask
}

// measure starts an interval of the calling thread.
func (n *Node) measure() {
	n.mu.Lock()
	n.tally.works()
	n.mu.Unlock()
}

// measured returns how long the measured thread has computed in the interval.
func (n *Node) measured() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tally.worked()
}

// Balance turns load balancing on or off; the hosts are held to be equally fast then.
func (n *Node) Balance(on bool) {
	l := &n.load
	l.mu.Lock()
	l.weights, l.units = balance.Equal(n.cfg.Hosts), 0
	l.on.Store(on)
	n.measure()
	l.mu.Unlock()
}

// Divide returns this host's part of an inclusive range; see balance.Part. An empty one fits in 32 bits as well.
func (n *Node) Divide(begin, end int32) (first, last int32) {
	l := &n.load
	l.mu.Lock()
	f, e := balance.Part(int64(begin), int64(end), l.weights, int(n.cfg.Self))
	if l.on.Load() {
		l.units = uint64(e - f + 1)
		n.measure()
	}
	l.mu.Unlock()
	switch {
	case f > math.MaxInt32:
		return math.MaxInt32, math.MaxInt32 - 1
	case e < math.MinInt32:
		return math.MinInt32 + 1, math.MinInt32
	}
	return int32(f), int32(e)
}

// LoadCheck is collective, and does nothing unless load balancing is on: it compares how fast the hosts were since the last
// Divide or LoadCheck, and sets the weights, the same on all hosts, that Divide goes by.
func (n *Node) LoadCheck() {
	l := &n.load
	if !l.on.Load() {
		return
	}
	hosts := n.cfg.Hosts
	words := make([]byte, 16*hosts) // units and ns of each host
	ne := binary.NativeEndian
	l.mu.Lock()
	mine := words[16*n.cfg.Self:]
	ne.PutUint64(mine, l.units)
	ne.PutUint64(mine[8:], uint64(max(0, n.measured())))
	old := l.weights
	l.mu.Unlock()
	n.collect(message.Call{What: message.Gather, Bytes: uint64(len(words))}, func(s *step) { s.combine(message.Gather, words) })
	weights := make([]byte, 8*hosts)
	if n.cfg.Self == 0 {
		m := make([]balance.Measure, hosts)
		for i := range m {
			m[i] = balance.Measure{Units: ne.Uint64(words[16*i:]), Nanos: ne.Uint64(words[16*i+8:])}
		}
		for i, w := range balance.Adjust(old, m) {
			ne.PutUint64(weights[8*i:], w)
		}
	}
	n.collect(message.Call{What: message.Spread, Bytes: uint64(len(weights))}, func(s *step) { s.spread(0, weights) })
	l.mu.Lock()
	l.weights = make([]uint64, hosts)
	for i := range l.weights {
		l.weights[i] = ne.Uint64(weights[8*i:])
		if l.weights[i] == 0 || l.weights[i] > 2*balance.Whole {
			l.mu.Unlock()
			n.fail(fmt.Errorf("jia_loadcheck: host 0 gave host %d the weight %d", i, ne.Uint64(weights[8*i:])))
		}
	}
	n.measure()
	l.mu.Unlock()
}
