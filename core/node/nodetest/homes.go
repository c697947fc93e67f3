package nodetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"jiajia/core/wire"
)

// homesInstead has requests for windows of pages answered by their homes now and then, with pages before and behind; and
// claims, whose answers come to no frames.
func homesInstead(t *testing.T, mk Make) {
	c := Start(t, mk, 2, func(h *Host, m *wire.Message, body []byte) {
		r := wire.Message{From: h.ID, Port: m.Reply, Obj: m.Obj}
		switch {
		case m.Type == wire.Claim:
			r.Type, r.Version = wire.Claimed, m.Obj%2
		case m.Type == wire.GetPage && m.Host == 1:
			r.Type, r.Numbers = wire.HomeIs, homesOf(m)
		default:
			h.Answer(m, body)
			return
		}
		h.must(h.Reply(m.From, &r))
	})
	h := c.Hosts[0]
	b := h.mailbox()
	rng := rand.New(rand.NewPCG(17, 17))
	memory := make([]byte, wire.MaxWindow*PageSize)
	for round := range 60 {
		count := []int{1, 2, 65, wire.MaxWindow}[rng.IntN(4)]
		var frames [][]byte
		for i := range count {
			frames = append(frames, memory[i*PageSize:(i+1)*PageSize])
		}
		var asked []wire.Message
		for i := range 5 {
			q := wire.Message{Type: wire.GetPage, From: 0, Reply: b.ID(), Obj: uint64(10*round + i), Version: uint64(count), Epoch: 2, Host: wire.HostID(rng.IntN(2))}
			if rng.IntN(4) == 0 {
				q = wire.Message{Type: wire.Claim, From: 0, Reply: b.ID(), Obj: q.Obj}
			}
			h.must(b.Send(1, &q))
			asked = append(asked, q)
		}
		for _, q := range asked {
			var m wire.Message
			want, room := wire.Page, frames
			if q.Type == wire.Claim {
				want, room = wire.Claimed, nil
			} else if q.Host == 1 {
				want = wire.HomeIs
			}
			err := b.Recv(1, &m, room)
			if err != nil || m.Type != want || m.Obj != q.Obj {
				t.Fatalf("asked %+v, got %+v, %v", q, m, err)
			}
			switch want {
			case wire.Claimed:
				if m.Version != q.Obj%2 {
					t.Fatalf("claimed %d: %+v", q.Obj, m)
				}
			case wire.HomeIs:
				if !slices.Equal(m.Numbers, homesOf(&q)) {
					t.Fatalf("asked %+v, got the homes %v", q, m.Numbers)
				}
			case wire.Page:
				for i, frame := range frames {
					if page := q.Obj + uint64(i)*q.Epoch; m.Carries(i) && string(frame) != string(Content(1, page)) {
						t.Fatalf("page %d has other content than was sent", page)
					}
				}
			}
		}
	}
}

// homesOf makes homes up.
func homesOf(m *wire.Message) (homes []uint64) {
	for i := range m.Version {
		homes = append(homes, (m.Obj+i*m.Epoch)%7)
	}
	return homes
}
