package node

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"jiajia/core/balance"
	"jiajia/core/message"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// office is a transport for data inside one process, as slow and as fair as the Go scheduler makes it: so the race detector
// sees what threads of several hosts do. Each host has two ways in, for data of even hosts and of odd ones, as if over two
// transports; each has one reader, its server or whoever attends to both.
type office struct {
	mu    sync.Mutex
	moved sync.Cond
	desks []desk
	done  bool
}

type desk struct {
	node     *Node
	ways     [2]way
	recalled bool
}

type way struct {
	server Handler
	mail   []letter
	busy   bool // somebody reads
}

type letter struct {
	m    wire.Message
	body []byte
}

type clerk struct {
	Transport // what messages do not need is nil
	o         *office
	d         *desk
}

// newOffice makes so many hosts, without memory, and serves them until the test ends.
func newOffice(t *testing.T, hosts int) []*Node {
	o := &office{desks: make([]desk, hosts)}
	o.moved.L = &o.mu
	var nodes []*Node
	for i := range o.desks {
		n := &Node{cfg: Config{Self: wire.HostID(i), Hosts: hosts, Fail: func(line string) { panic(line) }}}
		n.in.sending = make([]outbox, hosts)
		n.load.weights = balance.Equal(hosts)
		n.trans = &clerk{o: o, d: &o.desks[i]}
		n.BeginStats()
		o.desks[i].node = n
		for w := range o.desks[i].ways {
			o.desks[i].ways[w].server = n.Handler()
		}
		nodes = append(nodes, n)
	}
	var servers sync.WaitGroup
	for i := range o.desks {
		for w := range o.desks[i].ways {
			servers.Go(func() { o.serve(&o.desks[i].ways[w]) })
		}
	}
	t.Cleanup(func() {
		o.mu.Lock()
		o.done = true
		o.moved.Broadcast()
		o.mu.Unlock()
		servers.Wait()
		for i := range o.desks {
			mail := len(o.desks[i].ways[0].mail) + len(o.desks[i].ways[1].mail)
			if in := &o.desks[i].node.in; in.held() != 0 || len(in.waiters) != 0 || mail != 0 {
				t.Errorf("host %d: %d bytes, %d waiters and %d messages left over", i, in.held(), len(in.waiters), mail)
			}
		}
	})
	return nodes
}

// next hands over one message, if there is one. The caller holds mu and reads.
func (o *office) next(w *way) bool {
	if len(w.mail) == 0 {
		return false
	}
	l := w.mail[0]
	w.mail = w.mail[1:]
	o.mu.Unlock()
	w.server.Data(&l.m, l.body)
	clear(l.body)
	o.mu.Lock()
	return true
}

func (o *office) serve(w *way) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.done {
		if w.busy || len(w.mail) == 0 {
			o.moved.Wait()
			continue
		}
		w.busy = true
		o.next(w)
		w.busy = false
		o.moved.Broadcast()
	}
}

func (c *clerk) SendData(to wire.HostID, m *wire.Message, body ...[]byte) error {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	w := &c.o.desks[to].ways[m.From%2]
	w.mail = append(w.mail, letter{*m, slices.Concat(body...)})
	c.o.moved.Broadcast()
	return nil
}

func (c *clerk) Attend(done func() bool) error {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	for i := range c.d.ways {
		for c.d.ways[i].busy {
			c.o.moved.Wait()
		}
		c.d.ways[i].busy = true
	}
	for !done() {
		one, other := c.o.next(&c.d.ways[0]), c.o.next(&c.d.ways[1])
		if !one && !other && !c.d.recalled {
			c.o.moved.Wait()
		}
		c.d.recalled = false
	}
	for i := range c.d.ways {
		c.d.ways[i].busy = false
	}
	c.o.moved.Broadcast()
	return nil
}

func (c *clerk) Recall() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.d.recalled = true
	c.o.moved.Broadcast()
}

func (c *clerk) Accept() {}

// atOnce runs f for every host and thread.
func atOnce(nodes []*Node, threads int, f func(n *Node, thread int)) {
	var all sync.WaitGroup
	for _, n := range nodes {
		for th := range threads {
			all.Add(1)
			go func() {
				defer all.Done()
				f(n, th)
			}()
		}
	}
	all.Wait()
}

// TestEveryMessageComesOnceAndInOrder: several threads of each host send to all hosts, themselves included, in one piece and
// in several, while others receive with and without wildcards.
func TestEveryMessageComesOnceAndInOrder(t *testing.T) {
	const threads, each = 3, 60
	for _, hosts := range []int{1, 2, 5} {
		nodes := newOffice(t, hosts)
		atOnce(nodes, 2*threads, func(n *Node, th int) {
			if th < threads {
				for i := range uint64(each) {
					for to := range wire.HostID(hosts) {
						total := 8 * (1 + i%4)
						number := n.NewMessage(total)
						for piece := range total / 8 {
							n.Send(to, int32(th), number, total, binary.NativeEndian.AppendUint64(nil, i<<8|piece))
						}
					}
				}
				return
			}
			tag := int32(th - threads)
			due := make([]uint64, hosts)
			for i := range hosts * each {
				from := wire.Any
				if tag == 1 {
					from = wire.HostID(i % hosts)
				}
				m := n.Recv(from, tag, 32)
				want := due[m.From]
				due[m.From]++
				if m.Tag != int64(tag) || from != wire.Any && m.From != from || m.Size != 8*(1+want%4) {
					t.Errorf("host %d asked for host %d and tag %d and got %+v", n.cfg.Self, from, tag, m.Head)
				}
				for piece := range m.Size / 8 {
					var b [8]byte
					if m.Read(b[:]); binary.NativeEndian.Uint64(b[:]) != want<<8|piece {
						t.Errorf("piece %d of message %d of host %d is wrong", piece, want, m.From)
					}
				}
			}
		})
	}
}

// TestMessagesAreCounted: what the program passes, what it takes, and what goes between hosts.
func TestMessagesAreCounted(t *testing.T) {
	const hosts, rounds = 4, 5
	nodes := newOffice(t, hosts)
	atOnce(nodes, 1, func(n *Node, _ int) {
		for range rounds {
			for to := range wire.HostID(hosts) {
				number := n.NewMessage(10)
				n.Send(to, 1, number, 10, make([]byte, 6))
				n.Send(to, 1, number, 10, make([]byte, 4))
			}
			for range hosts {
				n.Recv(wire.Any, 1, 10)
			}
			b := make([]byte, 8)
			n.Bcast(2, 16, b) // in two steps
			n.Bcast(2, 16, b)
			n.Reduce(message.SumInt, 1, 8, b)
			n.Bcast(0, 0, nil)
		}
	})
	var sum stats.Row
	for _, n := range nodes {
		r := n.counted()
		sum = sum.Plus(r)
		for f, want := range map[stats.Field]uint64{stats.MessagesPassed: hosts * rounds, stats.MessageBytesPassed: 10 * hosts * rounds,
			stats.MessagesTaken: hosts * rounds, stats.MessageBytesTaken: 10 * hosts * rounds,
			stats.Collectives: 3 * rounds, stats.CollectiveBytes: 24 * rounds, stats.Waits: 0} {
			if r[f] != want {
				t.Errorf("host %d: %s: %d, want %d", n.cfg.Self, stats.Fields[f].Name, r[f], want)
			}
		}
	}
	// Two pieces to each other host, a message to each host but the root for each step, and one more for the root of the sum.
	between := uint64(rounds * (2*hosts*(hosts-1) + 4*(hosts-1) + 1))
	bytes := uint64(rounds*(10*hosts*(hosts-1)+24*(hosts-1)+8)) + between*wire.HeaderSize
	for f, want := range map[stats.Field]uint64{stats.MessagesSent: between, stats.MessagesReceived: between,
		stats.MessageBytesSent: bytes, stats.MessageBytesReceived: bytes} {
		if sum[f] != want {
			t.Errorf("%s: %d, want %d", stats.Fields[f].Name, sum[f], want)
		}
	}
}

// TestReductionsAreTheSame: sums of numbers for which the order matters, with every root, beside messages between the
// same hosts.
func TestReductionsAreTheSame(t *testing.T) {
	ne := binary.NativeEndian
	for hosts := 1; hosts <= 9; hosts++ {
		nodes := newOffice(t, hosts)
		sums := make([][]uint64, hosts)
		atOnce(nodes, 2, func(n *Node, th int) {
			self := int(n.cfg.Self)
			for round := range 3 * hosts {
				if th == 1 {
					n.Send(wire.HostID(round%hosts), 0, n.NewMessage(1), 1, []byte{1})
					continue
				}
				root := wire.HostID(round % hosts)
				b := ne.AppendUint64(nil, math.Float64bits(math.Pow(0.73, float64(7*self%11))))
				n.Reduce(message.SumDouble, root, 8, b)
				n.Bcast(root, 8, b)
				sums[self] = append(sums[self], ne.Uint64(b))
			}
		})
		for i, list := range sums {
			for round, s := range list {
				if s != sums[0][0] {
					t.Errorf("%d hosts: round %d gave %x on host %d, %x before", hosts, round, s, i, sums[0][0])
				}
			}
		}
		atOnce(nodes, 1, func(n *Node, _ int) {
			for range 3 * hosts {
				n.Recv(wire.Any, message.AnyTag, 1)
			}
		})
	}
}

// TestLoadCheckAgrees: all hosts have the same weights afterwards, so their parts fit together.
func TestLoadCheckAgrees(t *testing.T) {
	nodes := newOffice(t, 5)
	for round := range 5 {
		atOnce(nodes, 1, func(n *Node, _ int) {
			n.LoadCheck() // nothing while it is off
			if round == 0 {
				n.Balance(true)
			}
			n.Divide(0, int32(10*n.cfg.Self+1))
			n.LoadCheck()
		})
		next := int32(-50)
		var parts string
		for _, n := range nodes {
			first, last := n.Divide(-50, 949)
			parts += fmt.Sprintf(" [%d, %d]", first, last)
			if first != next || last < first {
				t.Fatalf("round %d: the parts are%s", round, parts)
			}
			next = last + 1
		}
		if next != 950 {
			t.Fatalf("round %d: the parts are%s", round, parts)
		}
	}
}
