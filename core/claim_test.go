package core

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/wire"
)

// newToucher returns a host of three, of which the next one is reached if that is asked for, with so many pages of first touch.
func newToucher(t *testing.T, self HostID, pages uint64, reached bool) *Machine {
	t.Helper()
	m := New(Config{Self: self, Hosts: 3, Pages: pages + 10, PageSize: 64})
	if reached {
		m.SetReached((self + 1) % 3)
	}
	if _, err := m.Alloc(CallAllocTouch, pages*64); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustHandle(t *testing.T, m *Machine, msg wire.Message) []wire.Message {
	t.Helper()
	var fx Effects
	if err := m.Handle(&msg, &fx); err != nil {
		t.Fatal(err)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return fx.Msgs
}

// A page is given away once; later claims and requests are told to whom.
func TestClaims(t *testing.T) {
	m := newToucher(t, 0, 9, false)
	claim := func(p PageID, from HostID) wire.Message {
		return wire.Message{Type: wire.Claim, From: from, Reply: 4, Obj: uint64(p)}
	}
	get := func(p PageID, count, stride uint64, from HostID) wire.Message {
		return wire.Message{Type: wire.GetPage, From: from, Reply: 5, Obj: uint64(p), Version: count, Epoch: stride, Host: 1}
	}
	for _, step := range []struct {
		ask, want wire.Message
	}{
		{claim(0, 1), wire.Message{Type: wire.Claimed, Port: 4}},
		{claim(0, 2), wire.Message{Type: wire.HomeIs, Port: 4, Numbers: []uint64{1}}},
		{get(0, 1, 1, 2), wire.Message{Type: wire.HomeIs, Port: 5, Numbers: []uint64{1}}},
		{get(3, 1, 1, 1), wire.Message{Type: wire.Page, Port: 5, Obj: 3}},
		{claim(3, 2), wire.Message{Type: wire.Claimed, Port: 4, Obj: 3, Version: 1}},
		{get(6, 1, 1, 1), wire.Message{Type: wire.Page, Port: 5, Obj: 6}},
		{get(0, 3, 3, 2), wire.Message{Type: wire.HomeIs, Port: 5, Numbers: []uint64{1, 2, 0}}},
		{claim(9, 2), wire.Message{Type: wire.Claimed, Port: 4, Obj: 9}}, // of an allocation to come
		{claim(9, 1), wire.Message{Type: wire.HomeIs, Port: 4, Obj: 9, Numbers: []uint64{2}}},
	} {
		if d := cmp.Diff([]wire.Message{step.want}, mustHandle(t, m, step.ask)); d != "" {
			t.Errorf("%+v: -want +got\n%s", step.ask, d)
		}
	}
	if _, err := m.Alloc(CallAllocTouch, 1); err != nil {
		t.Fatal(err)
	}
	for p, want := range []struct {
		home    HostID
		decided bool
	}{{1, true}, {1, false}, {2, false}, {2, true}, {1, false}, {2, false}, {0, false}, {1, false}, {2, false}, {2, true}, {0, false}} {
		if home, decided := m.HomeOf(PageID(p)); home != want.home || decided != want.decided {
			t.Errorf("page %d: home %d, decided %v; want %+v", p, home, decided, want)
		}
	}
	var misuse *Misuse
	var fx Effects
	for _, msg := range []wire.Message{claim(1, 2), {Type: wire.Claim, From: 1, Obj: 1 << 30}} {
		if err := m.Handle(&msg, &fx); err == nil || msg.Obj == 1 && !errors.As(err, &misuse) {
			t.Errorf("%+v: %v", msg, err)
		}
	}
}

// Answers that no manager gives are errors.
func TestAnswersToClaims(t *testing.T) {
	for name, answer := range map[string]wire.Message{
		"home is the claimer":    {Type: wire.HomeIs, From: 1, Port: 1, Obj: 1, Numbers: []uint64{0}},
		"home beyond all hosts":  {Type: wire.HomeIs, From: 1, Port: 1, Obj: 1, Numbers: []uint64{3}},
		"homes of other pages":   {Type: wire.HomeIs, From: 1, Port: 1, Obj: 1, Numbers: []uint64{2, 2}},
		"another page":           {Type: wire.Claimed, From: 1, Port: 1, Obj: 4},
		"another host":           {Type: wire.Claimed, From: 2, Port: 1, Obj: 1},
		"a page":                 {Type: wire.Page, From: 1, Port: 1, Obj: 1},
		"a mailbox that is idle": {Type: wire.Claimed, From: 1, Port: 7, Obj: 1},
	} {
		m := newToucher(t, 0, 9, false)
		var fx Effects
		if st, err := m.Fault(1, 1, true, &fx); st != Await || err != nil {
			t.Fatal(st, err)
		}
		if m.AwaitingPages(1) != nil {
			t.Error("the answer to a claim goes into frames")
		}
		if err := m.Handle(&answer, &fx); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A window over pages whose home is known, and not, goes out in two rounds where that home is reached: first what it answers.
func TestReadsWaitForAnswers(t *testing.T) {
	m := newToucher(t, 0, 9, true)
	var fx Effects
	learn := func(p PageID) { // that p has its manager for its home
		if _, err := m.Prefetch(1, []PageID{p}, &fx); err != nil {
			t.Fatal(err)
		}
		page := wire.Message{Type: wire.Page, From: 1, Port: 1, Obj: uint64(p)}
		page.Carry(0)
		mustHandle(t, m, page)
		for _, call := range []func() (Status, error){
			func() (Status, error) { return m.Resume(1, &fx) }, func() (Status, error) { return m.Evict(1, p, &fx) },
		} {
			if st, err := call(); st != Done || err != nil {
				t.Fatal(st, err)
			}
		}
		fx.Reset()
	}
	learn(4)
	if st, err := m.Prefetch(1, []PageID{1, 4, 7}, &fx); st != Await || err != nil {
		t.Fatal(st, err)
	}
	want := []asked{{false, 1, 1, 1, 1}, {false, 1, 7, 1, 1}}
	if d := cmp.Diff(want, requestsOf(&fx), cmp.AllowUnexported(asked{})); d != "" {
		t.Errorf("first round: -want +got\n%s", d)
	}
	fx.Reset()
	mustHandle(t, m, wire.Message{Type: wire.Page, From: 1, Port: 1, Obj: 1})
	if st, err := m.Resume(1, &fx); st != Await || err != nil || len(fx.List) != 0 {
		t.Fatal(st, err, fx.List)
	}
	mustHandle(t, m, wire.Message{Type: wire.HomeIs, From: 1, Port: 1, Obj: 7, Numbers: []uint64{2}})
	if st, err := m.Resume(1, &fx); st != Await || err != nil {
		t.Fatal(st, err)
	}
	want = []asked{{true, 1, 4, 1, 0}, {false, 2, 7, 1, 1}}
	if d := cmp.Diff(want, requestsOf(&fx), cmp.AllowUnexported(asked{})); d != "" {
		t.Errorf("second round: -want +got\n%s", d)
	}
	mustHandle(t, m, wire.Message{Type: wire.Page, From: 2, Port: 1, Obj: 7})
	if st, err := m.Resume(1, &fx); st != Done || err != nil {
		t.Fatal(st, err)
	}
}
