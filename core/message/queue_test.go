package message

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jiajia/core/wire"
)

func arrive(t testing.TB, q *Queue, h Head, piece string) *Receive {
	t.Helper()
	r, err := q.Arrive(h, []byte(piece))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(m *Message) string {
	var b [5]byte // shorter than most messages, to cross the pieces' ends
	var s []byte
	for {
		n := m.Read(b[:])
		s = append(s, b[:n]...)
		if n < len(b) {
			return string(s)
		}
	}
}

func TestAReceiveThatWaitsGetsTheFirstMessageThatFits(t *testing.T) {
	var q Queue
	r := Receive{From: 2, Tag: 7}
	q.Post(&r)
	arrive(t, &q, Head{From: 1, Number: 1, Tag: 7, Size: 1}, "a")
	arrive(t, &q, Head{From: 2, Number: 1, Tag: 8, Size: 1}, "b")
	if r.Done() {
		t.Fatal("matched a message of another host or tag")
	}
	if got := arrive(t, &q, Head{From: 2, Number: 2, Tag: 7, Size: 1}, "c"); got != &r || !r.Done() || text(r.Message()) != "c" {
		t.Fatalf("matched %+v", r.Message())
	}
}

func TestWildcardsTakeTheOldest(t *testing.T) {
	var q Queue
	for i, h := range []Head{{From: 3, Tag: 1}, {From: 1, Tag: 2}, {From: 3, Tag: 2}, {From: 1, Tag: 1}} {
		h.Number, h.Size = uint64(i), 1
		arrive(t, &q, h, fmt.Sprint(i))
	}
	var got []string
	for _, r := range []Receive{{From: wire.Any, Tag: 2}, {From: 3, Tag: AnyTag}, {From: wire.Any, Tag: AnyTag}, {From: 1, Tag: 1}} {
		q.Post(&r)
		if !r.Done() {
			t.Fatalf("%+v waits", r)
		}
		got = append(got, text(r.Message()))
	}
	if diff := cmp.Diff([]string{"1", "0", "2", "3"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if q.Held() != 0 || q.Oldest() != nil || len(q.same) != 0 {
		t.Errorf("an empty queue holds %d bytes, %d lines", q.Held(), len(q.same))
	}
}

// A message that is still arriving is not overtaken by a complete one of the same host and tag.
func TestALongMessageKeepsItsPlace(t *testing.T) {
	var q Queue
	long := Head{From: 1, Number: 1, Tag: 5, Size: 6}
	arrive(t, &q, long, "abc")
	arrive(t, &q, Head{From: 1, Number: 2, Tag: 5, Size: 2}, "xy")
	first, second := Receive{From: 1, Tag: 5}, Receive{From: wire.Any, Tag: 5}
	q.Post(&first)
	q.Post(&second)
	if first.Done() || !second.Done() || text(second.Message()) != "xy" {
		t.Fatal("matched in another order than that of arrival")
	}
	if r := arrive(t, &q, long, "def"); r != &first || text(first.Message()) != "abcdef" {
		t.Fatalf("the long message went to %+v", r)
	}
	if q.Held() != 0 {
		t.Errorf("%d bytes held", q.Held())
	}
}

// Buffers of long messages are used again; what was read before must not change under the reader of another message.
func TestBuffersAreUsedAgain(t *testing.T) {
	var q Queue
	for round := range byte(50) {
		for from := range wire.HostID(3) {
			for left := uint64(3*block + 100); left > 0; {
				n := min(left, block-uint64(from)*20_000)
				b := bytes.Repeat([]byte{round + byte(from)*50}, int(n))
				if _, err := q.Arrive(Head{From: from, Number: uint64(round), Size: 3*block + 100}, b); err != nil {
					t.Fatal(err)
				}
				clear(b)
				left -= n
			}
		}
		for from := range wire.HostID(3) {
			r := Receive{From: from}
			q.Post(&r)
			got := make([]byte, 4*block)
			if n := r.Message().Read(got); n != 3*block+100 || !r.Message().Empty() {
				t.Fatalf("%d bytes read", n)
			}
			if !bytes.Equal(got[:3*block+100], bytes.Repeat([]byte{round + byte(from)*50}, 3*block+100)) {
				t.Fatalf("round %d: the message of host %d arrived damaged", round, from)
			}
		}
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	whole := Head{From: 1, Number: 1, Tag: 5, Size: 6}
	for name, c := range map[string]struct {
		head  Head
		piece string
	}{
		"more than is due":       {whole, "defg"},
		"nothing":                {whole, ""},
		"another size":           {Head{From: 1, Number: 1, Tag: 5, Size: 7}, "d"},
		"another tag":            {Head{From: 1, Number: 1, Tag: 6, Size: 6}, "d"},
		"more than the message":  {Head{From: 1, Number: 2, Tag: 5, Size: 1}, "xy"},
		"nothing of a new one":   {Head{From: 1, Number: 2, Tag: 5, Size: 1}, ""},
		"bytes of an empty one":  {Head{From: 1, Number: 2, Tag: 5}, "x"},
		"another collective one": {Head{From: 1, Number: 1, Tag: 5, Size: 6, Call: Call{What: Bcast}}, "d"},
	} {
		var q Queue
		arrive(t, &q, whole, "abc")
		if _, err := q.Arrive(c.head, []byte(c.piece)); !errors.Is(err, wire.ErrField) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// naive is the queue's meaning, written plainly: lists that are searched from the front.
type naive struct {
	messages []*plain
	receives []*Receive
	matched  map[*Receive]*plain
}

type plain struct {
	Head
	bytes []byte
}

func (n *naive) match() {
	for _, r := range slices.Clone(n.receives) {
		for _, m := range n.messages {
			if (r.From == wire.Any || r.From == m.From) && (r.Tag == AnyTag || r.Tag == m.Tag) {
				n.matched[r] = m
				n.receives = slices.DeleteFunc(n.receives, func(x *Receive) bool { return x == r })
				n.messages = slices.DeleteFunc(n.messages, func(x *plain) bool { return x == m })
				break
			}
		}
	}
}

// TestQueueAgainstNaive: every message is delivered once, to the receive that the plain version gives it to, with its
// bytes, under any interleaving of pieces of several senders' messages and receives.
func TestQueueAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		n := naive{matched: make(map[*Receive]*plain)}
		var under []*plain // messages with pieces to come
		var sent, numbers uint64
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				m := &plain{Head: Head{From: wire.HostID(rapid.IntRange(0, 2).Draw(t, "from")), Number: numbers,
					Tag: rapid.Int64Range(0, 2).Draw(t, "tag"), Size: rapid.Uint64Range(0, 9).Draw(t, "size")}}
				numbers++
				n.messages = append(n.messages, m)
				under = append(under, m)
				piece(t, &q, m, &sent)
				n.match()
			},
			"go on": func(t *rapid.T) {
				under = slices.DeleteFunc(under, func(m *plain) bool { return uint64(len(m.bytes)) == m.Size })
				if len(under) == 0 {
					t.Skip("nothing is under way")
				}
				piece(t, &q, rapid.SampledFrom(under).Draw(t, "message"), &sent)
			},
			"receive": func(t *rapid.T) {
				r := &Receive{From: wire.HostID(rapid.IntRange(-1, 2).Draw(t, "host")), Tag: rapid.Int64Range(-1, 2).Draw(t, "tag")}
				n.receives = append(n.receives, r)
				q.Post(r)
				n.match()
			},
			"": func(t *rapid.T) {
				var held uint64
				for _, m := range n.messages {
					held += overhead + uint64(len(m.bytes))
				}
				if q.Held() != held {
					t.Fatalf("%d bytes held, not %d", q.Held(), held)
				}
				for _, r := range n.receives {
					if r.msg != nil {
						t.Fatalf("%+v matched %+v", r, r.msg.Head)
					}
				}
				for r, m := range n.matched {
					if r.msg == nil || r.msg.Head != m.Head || r.Done() != (uint64(len(m.bytes)) == m.Size) {
						t.Fatalf("%+v, with %+v of %+v", r, r.msg, m)
					}
				}
			},
		})
		for r, m := range n.matched {
			if r.Done() && text(r.msg) != string(m.bytes) {
				t.Fatalf("%+v arrived as other bytes", m)
			}
		}
	})
}

// piece sends the next bytes of m, all different.
func piece(t *rapid.T, q *Queue, m *plain, sent *uint64) {
	var b []byte
	if left := m.Size - uint64(len(m.bytes)); left > 0 {
		for range rapid.Uint64Range(1, left).Draw(t, "piece") {
			*sent++
			b = append(b, byte(*sent))
		}
	}
	m.bytes = append(m.bytes, b...)
	r, err := q.Arrive(m.Head, b)
	if err != nil {
		t.Fatal(err)
	}
	if r != nil && !r.Done() {
		t.Fatalf("%+v was returned before it was done", r)
	}
	clear(b) // the queue has a copy
}

// BenchmarkBacklog takes the newest of many tags first: the cost must not follow the backlog.
func BenchmarkBacklog(b *testing.B) {
	var q Queue
	for i := range b.N {
		if _, err := q.Arrive(Head{Number: uint64(i), Tag: int64(i), Size: 8}, []byte("12345678")); err != nil {
			b.Fatal(err)
		}
	}
	for i := b.N - 1; i >= 0; i-- {
		r := Receive{Tag: int64(i)}
		if q.Post(&r); !r.Done() {
			b.Fatal("not there")
		}
	}
}

// FuzzQueue: whatever arrives and is posted, the queue keeps its accounts, and every byte comes out once at most.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 1, 1, 3, 3, 1, 1, 1, 9, 2, 2, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var q Queue
		var posted []*Receive
		var in, out uint64
		for ; len(ops) >= 4; ops = ops[4:] {
			from, tag := wire.HostID(int8(ops[1])%4), int64(int8(ops[2])%4)
			if ops[0]%3 == 0 {
				if from >= wire.Any && tag >= AnyTag {
					posted = append(posted, &Receive{From: from, Tag: tag})
					q.Post(posted[len(posted)-1])
				}
				continue
			}
			b := bytes.Repeat(ops[:1], int(ops[3]%8))
			if _, err := q.Arrive(Head{From: from, Tag: tag, Number: uint64(ops[0] % 5), Size: uint64(ops[3] / 16)}, b); err == nil {
				in += uint64(len(b))
			}
		}
		for _, r := range posted {
			if r.Done() {
				out += uint64(len(text(r.Message())))
			}
		}
		all := Receive{From: wire.Any, Tag: AnyTag}
		for q.Oldest() != nil {
			if q.Post(&all); all.msg == nil {
				t.Fatal("a message that nobody can receive")
			}
			out += uint64(len(text(all.Message())))
			all = Receive{From: wire.Any, Tag: AnyTag}
		}
		if out > in || q.Held() != 0 {
			t.Fatalf("%d bytes in, %d out, %d held", in, out, q.Held())
		}
	})
}

func TestCombine(t *testing.T) {
	ints := func(x ...int32) []byte { return must(binary.Append(nil, binary.NativeEndian, x)) }
	floats := func(x ...float32) []byte { return must(binary.Append(nil, binary.NativeEndian, x)) }
	doubles := func(x ...float64) []byte { return must(binary.Append(nil, binary.NativeEndian, x)) }
	for _, c := range []struct {
		op        What
		a, b, got []byte
	}{
		{SumInt, ints(1, -2, 1<<31-1), ints(5, -7, 1), ints(6, -9, -1<<31)},
		{MaxInt, ints(1, -2, 3), ints(5, -7, 3), ints(5, -2, 3)},
		{MinInt, ints(1, -2, 3), ints(5, -7, 3), ints(1, -7, 3)},
		{SumFloat, floats(0.5, 1e30), floats(0.25, 1e30), floats(0.75, 2e30)},
		{MaxFloat, floats(0.5, -1), floats(0.25, 1), floats(0.5, 1)},
		{MinFloat, floats(0.5, -1), floats(0.25, 1), floats(0.25, -1)},
		{SumDouble, doubles(0.5, 1e300), doubles(0.25, -1e300), doubles(0.75, 0)},
		{MaxDouble, doubles(0.5, -1), doubles(0.25, 1), doubles(0.5, 1)},
		{MinDouble, doubles(0.5, -1), doubles(0.25, 1), doubles(0.25, -1)},
		{SumDouble, nil, nil, nil},
	} {
		acc := slices.Clone(c.a)
		c.op.Combine(acc, c.b)
		if !bytes.Equal(acc, c.got) {
			t.Errorf("%v of %x and %x is %x, not %x", c.op, c.a, c.b, acc, c.got)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOnlyOperationsHaveOperands(t *testing.T) {
	for w := What(-3); w < 40; w++ {
		known := w >= 0 && w < 30 && w%10 < 3
		if (w.Operand() > 0) != known {
			t.Errorf("operation %d has operands of %d bytes", w, w.Operand())
		}
		_ = w.String()
	}
	if s := (Call{What: MaxDouble, Root: 2, Bytes: 24}).String(); s != "jia_reduce with MAX_DOUBLE of 24 bytes with root 2" {
		t.Error(s)
	}
}

// TestTree: everybody but the root has one parent that knows of it, the depth is logarithmic, and a reduction combines
// in the order of ranks.
func TestTree(t *testing.T) {
	for hosts := 1; hosts <= 70; hosts++ {
		for root := range wire.HostID(hosts) {
			var ranks func(h, parent wire.HostID, depth int) []int
			ranks = func(h, parent wire.HostID, depth int) []int {
				tree := TreeOf(h, root, hosts)
				if tree.Parent != parent || 1<<depth > 2*hosts {
					t.Fatalf("%d hosts, root %d: host %d has parent %d, not %d, at depth %d", hosts, root, h, tree.Parent, parent, depth)
				}
				list := []int{(int(h) - int(root) + hosts) % hosts}
				for _, c := range tree.Children {
					list = append(list, ranks(c, h, depth+1)...)
				}
				return list
			}
			got := ranks(root, -1, 0)
			if len(got) != hosts || !slices.IsSorted(got) {
				t.Fatalf("%d hosts, root %d: combined in the order %v", hosts, root, got)
			}
		}
	}
}
