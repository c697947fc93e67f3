package node

import (
	"fmt"

	"jiajia/core"
	"jiajia/core/diff"
	"jiajia/core/region"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// run carries a call of t through to its end. It is entered with mu held, after the step that began the call; it
// returns without it. Misuse of the program is returned; everything else that goes wrong ends the job.
func (n *Node) run(t *thread, st core.Status, err error) error {
	if st != core.Done && err == nil {
		n.tally.waits(t)
	}
	for {
		if err != nil {
			n.mu.Unlock()
			t.fx.Reset()
			return err
		}
		if err := n.memory(t, &t.fx); err != nil {
			n.mu.Unlock()
			n.fail(err)
		}
		if st == core.Done {
			t.granted = t.granted || t.call == callLock && n.machine.Taken(t.id)
			t.refused = t.call == callLock && n.machine.Refused(t.id)
			n.chargeCall(t, n.tally.completed(t))
			n.leaveCut(t)
		}
		var from wire.HostID
		var link bool
		t.pages = t.pages[:0]
		if st == core.Await {
			from, link = n.machine.Awaiting(t.id)
			t.pages = append(t.pages, n.machine.AwaitingPages(t.id)...)
		}
		n.mu.Unlock()

		if t.cutting {
			n.beginSaving(t)
		}
		n.emit(t)
		if len(t.local) > 0 || t.done.Type != 0 {
			// What the step wanted to wait for may have been these acknowledgements.
			n.mu.Lock()
			if err := n.ackLocal(t); err != nil {
				n.mu.Unlock()
				n.fail(err)
			}
			st, err = n.machine.Resume(t.id, &t.fx)
			continue
		}
		switch st {
		case core.Done:
			return nil
		case core.Await:
			n.receive(t, from, link)
			n.mu.Lock()
			n.tally.received(&t.in)
			if t.in.Type == wire.Page {
				n.tally.row[stats.PagesFetched] += uint64(len(t.pages))
				n.chargeList(stats.PagesFetched, t.pages)
			}
			t.granted = t.granted || t.in.Type == wire.LockGrant || t.in.Type == wire.RWGrant
			if t.in.Type == wire.AtomicDone {
				t.result = t.in.Version
			}
			if err := n.machine.Handle(&t.in, &t.fx); err != nil {
				n.mu.Unlock()
				n.fail(err)
			}
		case core.Parked:
			t.park.wait()
			n.mu.Lock()
		case core.Again:
			n.throttle(t) // a barrier that takes back what was freed copies it first
			n.mu.Lock()
		}
		st, err = n.machine.Resume(t.id, &t.fx)
	}
}

// memory carries out the memory effects of a step, in order, and counts all effects, under mu. t is nil in the server, whose
// steps make no diffs.
func (n *Node) memory(t *thread, fx *core.Effects) error {
	for i := range fx.List {
		e := &fx.List[i]
		page := uint64(e.Page)
		var err error
		switch e.Kind {
		case core.Protect:
			err = n.region.Protect(page, e.Count)
		case core.Unmap:
			err = n.region.Unmap(page, e.Count)
			n.tally.row[stats.PagesInvalidated] += e.Count
			n.charge(stats.PagesInvalidated, e.Page, e.Count)
		case core.Map:
			err = n.region.Map(page, e.Count, region.ReadOnly)
		case core.MapWrite:
			n.preserve(page, e.Count)
			err = n.region.Map(page, e.Count, region.ReadWrite)
		case core.MapFresh:
			n.preserve(page, e.Count)
			err = n.region.MapFresh(page, e.Count)
		case core.Discard:
			n.preserve(page, e.Count)
			err = n.discard(page, e.Count)
		case core.Abandon:
			err = n.region.Unmap(page, e.Count)
			n.twins.forget(e.Page, e.Count)
		case core.Publish:
			err = n.publishOne(core.Span{Page: e.Page, Count: e.Count})
		case core.Hide:
			err = n.region.Unmap(page, e.Count)
		case core.Execute:
			n.preserve(page, 1)
			old := Execute(n.region.Frame(page), &fx.Atomic)
			fx.Msgs[e.Msg].Version = old
			if t != nil {
				t.result = old
			}
		case core.CutBegin, core.Zero, core.Save, core.CutEnd:
			n.cutEffect(t, e)
		case core.Twin:
			err = n.twins.take(e.Page, n.region.Frame(page))
			n.tally.row[stats.Twins]++
		case core.Diff:
			d := t.diffBuffer(e.ID, n.cfg.PageSize)
			before := len(d.buf)
			d.buf, _ = diff.AppendRecord(d.buf, page, n.region.Frame(page), n.twins.of(e.Page))
			n.twins.drop(e.Page)
			if len(d.buf) > before {
				d.pages++
				n.charge(stats.DiffsSent, e.Page, 1)
			}
			n.tally.diff(len(d.buf) - before)
		case core.SendDiff:
			if d := t.diffBuffer(e.ID, n.cfg.PageSize); len(d.buf) > 0 && !n.reached[e.Host] {
				n.tally.sent(uint64(len(d.buf)))
			}
		case core.Send:
			if m := &fx.Msgs[e.Msg]; t == nil || !n.reachable(e.Host, m) {
				n.tally.sent(wire.PayloadLen(m))
			}
		default:
			n.tally.does(e, fx)
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
	}
	return nil
}

// emit carries out the other effects of a thread's step, without mu.
func (n *Node) emit(t *thread) {
	fx := &t.fx
	for i := range fx.List {
		e := &fx.List[i]
		switch e.Kind {
		case core.Send:
			if m := &fx.Msgs[e.Msg]; !n.reachable(e.Host, m) || !n.reachWord(t, e.Host, m) {
				n.send(t, e.Host, m)
			}
		case core.SendDiff:
			d := t.diffBuffer(e.ID, n.cfg.PageSize)
			if len(d.buf) == 0 || n.reached[e.Host] && n.store(t, e.Host, d) {
				t.local = append(t.local, e.ID)
				continue
			}
			m := wire.Message{Type: wire.Diff, Obj: e.ID, Reply: uint32(t.id), Length: uint64(len(d.buf))}
			n.send(t, e.Host, &m, d.buf)
		case core.Read:
			n.read(t, e.Host, fx.PagesOf(e))
		case core.SendLink:
			m := &fx.Msgs[e.Msg]
			m.From = n.cfg.Self
			if err := n.links[e.Host].Send(m); err != nil {
				n.peerFailed(e.Host, err)
			}
		case core.Reply, core.ReplyPage:
			n.reply(e, fx, nil)
		case core.Wake:
			n.wake(e.Waiter)
		case core.NeedRoom:
			n.needRoom()
		}
	}
	t.out = t.out[:0]
	fx.Reset()
}

func (n *Node) send(t *thread, to wire.HostID, m *wire.Message, body ...[]byte) {
	m.From = n.cfg.Self
	if err := t.box.Send(to, m, body...); err != nil {
		n.peerFailed(to, err)
	}
}

// reply answers a request, or sends a grant; it never blocks, so the server and threads share it. body is the payload of a
// ReplyPage.
func (n *Node) reply(e *core.Effect, fx *core.Effects, body [][]byte) {
	m := &fx.Msgs[e.Msg]
	m.From = n.cfg.Self
	if err := n.trans.Reply(e.Host, m, body...); err != nil {
		n.lost(e.Host, err)
	}
}

// ackLocal tells the machine that diff messages which are not sent have arrived, and what an operation on a word has found.
func (n *Node) ackLocal(t *thread) error {
	for _, id := range t.local {
		m := wire.Message{Type: wire.DiffAck, From: n.cfg.Self, Obj: id}
		if err := n.machine.Handle(&m, &t.fx); err != nil {
			return err
		}
	}
	t.local = t.local[:0]
	if t.done.Type != 0 {
		m := t.done
		t.done = wire.Message{}
		return n.machine.Handle(&m, &t.fx)
	}
	return nil
}

// receive waits for the next message to t into t.in. When it is a Page, it brings t.pages.
func (n *Node) receive(t *thread, from wire.HostID, link bool) {
	if link {
		if err := n.links[from].Recv(&t.in); err != nil {
			n.peerFailed(from, err)
		}
		return
	}
	n.land(t, t.pages)
	if err := t.box.Recv(from, &t.in, t.frames); err != nil {
		n.peerFailed(from, err)
	}
	if t.in.Type == wire.Page {
		n.settle(t, t.pages, &t.in)
	}
}
