package rdma

import (
	"math/rand/v2"
	"testing"
)

// TestCredits: two ends that send as wildly as they may never overrun a receiver, and never stop for good.
func TestCredits(t *testing.T) {
	type segment struct {
		bytes bool
		grant uint32
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(9, seed))
		ends := [2]credits{{left: dataCredits, owed: dataCredits}, {}} // end 0 has asked for the connection
		var way [2][]segment                                           // to each end, in its buffers from the moment they are sent
		var unread [2]int
		sent := [2]int{}
		post := func(to int, s segment) {
			way[to] = append(way[to], s)
			if len(way[to])+unread[to] > buffers {
				t.Fatalf("seed %d: end %d is overrun", seed, to)
			}
		}
		grant := func(i int) {
			if n, ok := ends[i].grant(); ok {
				post(1-i, segment{grant: n})
			}
		}
		grant(0)
		for step := 0; sent[0] < 200 || sent[1] < 200; step++ {
			if step > 100000 {
				t.Fatalf("seed %d: nothing moves: %+v", seed, ends)
			}
			switch i := rng.IntN(2); rng.IntN(3) {
			case 0:
				if n, ok := ends[i].spend(); ok {
					sent[i]++
					post(1-i, segment{true, n})
				}
			case 1: // a segment is taken from the completion queue
				if len(way[i]) > 0 {
					s := way[i][0]
					way[i] = way[i][1:]
					if !ends[i].granted(s.grant) {
						t.Fatalf("seed %d: end %d has %d credits and got %d", seed, i, ends[i].left, s.grant)
					}
					if s.bytes {
						unread[i]++
					}
				}
			case 2: // its bytes are used
				if unread[i] > 0 {
					unread[i]--
					ends[i].owed++
					grant(i)
				}
			}
		}
	}
}

func TestTooManyCredits(t *testing.T) {
	c := credits{left: 1}
	if c.granted(dataCredits) || c.granted(1<<32-1) || !c.granted(dataCredits-1) || c.left != dataCredits {
		t.Error(c)
	}
}
