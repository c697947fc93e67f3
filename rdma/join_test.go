//go:build rdma

package rdma

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// deaf is a handler that nothing should come to.
type deaf struct{ lost chan error }

func (deaf) Serve(*wire.Message, []byte) {}
func (deaf) Data(*wire.Message, []byte)  {}
func (deaf) Full() bool                  { return false }
func (deaf) Stalled(wire.HostID)         {}
func (d deaf) Lost(_ wire.HostID, err error) {
	if d.lost != nil {
		d.lost <- err
	}
}

var _ node.Handler = deaf{}

// opened makes a transport and its card.
func opened(t *testing.T, self, hosts int, change func(*Options)) (*Transport, string) {
	t.Helper()
	o := options(self, hosts, deaf{}, devices(t))
	change(&o)
	tr := New(o)
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("close host %d: %v", self, err)
		}
	})
	card, why := tr.Card()
	if card == "" {
		t.Fatal(why)
	}
	return tr, card
}

// TestRefused: hosts that do not belong together find out, and say why.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"another secret":      {func(o *Options) { o.Secret = []byte("the secret of some other job") }, ErrSecret},
		"another page size":   {func(o *Options) { o.PageSize *= 2 }, ErrJob},
		"more hosts":          {func(o *Options) { o.Hosts = 3 }, ErrJob},
		"another host's card": {func(o *Options) { o.Self, o.Hosts = 2, 3 }, ErrIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			a, card := opened(t, 0, 2, func(*Options) {})
			b, _ := opened(t, 1, 2, c.change)
			cards := make([]string, b.o.Hosts)
			if cards[0] = card; c.want == ErrIdentity {
				cards = []string{"", card, ""}
			}
			var refused []error
			var wg sync.WaitGroup
			wg.Go(func() { refused = b.Try(cards) })
			late := a.Try([]string{"", "somewhere"})
			wg.Wait()
			if err := errors.Join(refused...); !errors.Is(err, c.want) {
				t.Errorf("the connector was told: %v", err)
			}
			if late[1] == nil {
				t.Error("the acceptor found a host working that was refused")
			}
		})
	}
}

func mustRead(t *testing.T, text string) card {
	t.Helper()
	c, err := readCard(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNobodyThere: an address where nobody listens, and one that no device has, are refused in time.
func TestNobodyThere(t *testing.T) {
	tr, own := opened(t, 2, 3, func(*Options) {})
	nobody := mustRead(t, own)
	noDevice := nobody
	nobody.at = netip.AddrPortFrom(nobody.at.Addr(), 9)
	noDevice.at = netip.MustParseAddrPort("192.0.2.1:99")
	began := time.Now()
	refused := tr.Try([]string{nobody.String(), noDevice.String(), ""})
	for i, err := range refused[:2] {
		if err == nil {
			t.Errorf("host %d was found working", i)
		}
		t.Log(err)
	}
	if took := time.Since(began); took > 2*joinTime {
		t.Errorf("it took %v", took)
	}
	if err := errors.Join(tr.Try([]string{"no address", "", ""})...); err == nil || !strings.Contains(err.Error(), `"no address"`) {
		t.Error(err)
	}
	if tr.Start([]bool{true, false, true}) == nil {
		t.Error("started with a host that was not found working")
	}
}

// TestStrangers: requests that are no hellos, and guests that say nothing after theirs, keep nobody out.
func TestStrangers(t *testing.T) {
	a, card := opened(t, 0, 2, func(*Options) {})
	ch, err := verbs.NewEventChannel()
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Free()
	to := mustRead(t, card).at
	b, cardB := opened(t, 1, 2, func(*Options) {})
	silent := hello{version: protocolVersion, from: 1, to: 0, hosts: 2, pageSize: 4096}
	said := silent.encode()
	for i, data := range [][]byte{nil, []byte("hello"), said[:], said[:]} {
		id, err := ch.NewID()
		if err != nil {
			t.Fatal(err)
		}
		w := waitFor{b, ch, time.Now().Add(connectTime)}
		if err := w.resolve(id, to); err != nil {
			t.Fatal(err)
		}
		j, err := b.newJoin(b.peers[0], id)
		if err != nil {
			t.Fatal(err)
		}
		j.connector = true
		defer func() { b.loop.call(func() { j.drop() }) }()
		if err := id.Connect(data, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := w.event(verbs.Established); (err == nil) != (i >= 2) {
			t.Errorf("stranger %d: %v", i, err)
		}
	}
	cards, keep := []string{card, cardB}, []bool{true, true}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, tr := range []*Transport{a, b} {
		wg.Go(func() {
			if errs[i] = errors.Join(tr.Try(cards)...); errs[i] == nil {
				errs[i] = tr.Start(keep)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	a.loop.call(func() {
		if len(a.joins) != 1 {
			t.Errorf("%d guests are left when the job has begun", len(a.joins)-1)
		}
	})
}

// TestDropped: peers that are not kept are left alone; their end is no loss.
func TestDropped(t *testing.T) {
	at := devices(t)
	lost := make(chan error, 9)
	var ts []*Transport
	var cards []string
	for i := range 3 {
		tr := New(options(i, 3, deaf{lost}, at))
		defer tr.Close()
		card, why := tr.Card()
		if card == "" {
			t.Fatal(why)
		}
		ts, cards = append(ts, tr), append(cards, card)
	}
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, tr := range ts {
		wg.Go(func() {
			errs[i] = errors.Join(tr.Try(cards)...)
			if errs[i] == nil {
				errs[i] = tr.Start([]bool{i != 2, i != 2, i == 2})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := ts[2].Close(); err != nil {
		t.Error(err)
	}
	m := wire.Message{Type: wire.LockFwd, From: 0}
	if err := ts[0].Post(1, &m); err != nil {
		t.Error(err)
	}
	if err := ts[0].Post(2, &m); err == nil {
		t.Error("a host that was dropped is still a peer")
	}
	select {
	case err := <-lost:
		t.Error(err)
	case <-time.After(100 * time.Millisecond): // an event would be here by now, more often than not
	}
}
