package route

import (
	"errors"
	"sync"
	"testing"
	"time"

	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
	"jiajia/epoll"
	"jiajia/shm"
)

// picky is a transport through shared memory that refuses every second pair.
type picky struct {
	*shm.Transport
	self int
}

func (p picky) Try(cards []string) []error {
	refused := p.Transport.Try(cards)
	for host := range refused {
		if (host+p.self)%2 == 0 {
			refused[host] = errors.New("for the test's sake")
		}
	}
	return refused
}

// overTCP is TCP as a candidate.
type overTCP struct {
	*epoll.Transport
	addrs []string
}

func (overTCP) Card() (card, why string)   { return "ready", "" }
func (overTCP) Try(cards []string) []error { return make([]error, len(cards)) }

func (o overTCP) Start(keep []bool) error {
	addrs := make([]string, len(keep))
	for host := range keep {
		if keep[host] {
			addrs[host] = o.addrs[host]
		}
	}
	return o.Transport.Start(addrs)
}

// agreed makes hosts that agree on shared memory for one half of the pairs and on TCP for the other.
func agreed(spin time.Duration) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) []node.Transport {
		t.Helper()
		n, secret := len(handlers), []byte("a secret of the tests alone")
		ways := make([][]Way, n)
		addrs := make([]string, n)
		for i := range handlers {
			h := once{handlers[i], new(sync.Mutex), new(sync.Mutex)}
			m, err := shm.Listen(shm.Options{Self: wire.HostID(i), Hosts: n, Secret: secret, Handler: h, Spin: spin, PageSize: nodetest.PageSize})
			if err != nil {
				t.Fatal(err)
			}
			e, err := epoll.Listen("tcp", "127.0.0.1:0", epoll.Options{Self: wire.HostID(i), Secret: secret, Handler: h, Spin: spin, PageSize: nodetest.PageSize})
			if err != nil {
				t.Fatal(err)
			}
			addrs[i] = e.Addr()
			ways[i] = []Way{{Name: "shm", Words: "shared memory", Candidate: picky{m, i}}, {Name: "tcp", Words: "TCP", Candidate: overTCP{e, addrs}}}
		}
		hall := newHall(n)
		list, errs := make([]node.Transport, n), make([]error, n)
		var all sync.WaitGroup
		for i := range handlers {
			all.Add(1)
			go func() {
				defer all.Done()
				p, err := Agree(wire.HostID(i), n, ways[i], hall.gather(i), launch.MaxGather)
				if err == nil {
					list[i], err = p.Transport(spin)
				}
				if err == nil {
					err = p.Start()
				}
				errs[i] = err
			}()
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		return list
	}
}

func TestConformanceMixed(t *testing.T) {
	nodetest.Run(t, agreed(0))
	t.Run("spinning", func(t *testing.T) { nodetest.Run(t, agreed(30*time.Microsecond)) })
}
