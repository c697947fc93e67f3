//go:build rdma

package rdma

import (
	"errors"
	"time"

	"jiajia/rdma/verbs"
)

// lingerTime is how long Close waits for what was sent last to arrive.
const lingerTime = time.Second

// Close implements node.Transport. It may be called again, but not by the Handler: it waits for the loop's end.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed.Swap(true) {
		t.mu.Unlock()
		<-t.freed
		return t.freeing
	}
	close(t.stopped)
	for _, d := range t.desks {
		d.ring()
	}
	t.mu.Unlock()
	t.beats.clock.Stop()
	if t.loop != nil {
		t.Recall()
		t.loop.close()
		<-t.loop.done
	}
	t.calls.Wait()
	t.freeing = t.free()
	close(t.freed)
	return t.freeing
}

// linger waits until what was sent has arrived.
func (t *Transport) linger() {
	conns := t.conns
	for _, j := range t.joins {
		conns = append(conns, j.c)
	}
	for _, c := range conns {
		if !c.peer.lost() {
			c.probe(false)
		}
	}
	deadline := time.Now().Add(lingerTime)
	for _, c := range conns {
		for !c.peer.lost() && !c.quiet() && !t.departed(c.peer) && time.Now().Before(deadline) {
			yield()
		}
	}
}

// departed tells whether a peer has closed its end, too, since the loop has ended.
func (t *Transport) departed(p *peer) bool {
	for {
		e, err := t.door.ch.Next()
		if err != nil {
			return p.join != nil && p.join.left
		}
		if j := t.joins[e.On]; e.Type == verbs.Disconnected && j != nil {
			j.left = true
		} else if e.Type == verbs.Requested {
			e.New.Free()
		}
	}
}

// free ends the connections and frees everything. The loop and all calls that make something have ended; threads that send or
// receive may still be on their way out, and are waited for.
func (t *Transport) free() error {
	if t.loop == nil {
		return nil
	}
	for _, b := range t.boxes {
		b.detach()
	}
	for _, l := range t.links {
		l.detach()
	}
	for _, p := range t.peers {
		if p != nil {
			p.outlet.detach()
		}
	}
	t.linger()
	for _, c := range t.conns {
		c.detach()
	}
	var errs []error
	t.door.close()
	for _, j := range t.joins {
		j.c.detach()
		j.id.Disconnect() // so that the peers know before anything of theirs fails
	}
	for _, b := range t.boxes {
		errs = append(errs, b.hand.free())
	}
	for _, d := range t.desks {
		errs = append(errs, d.free())
	}
	for _, b := range t.banks {
		errs = append(errs, b.free())
	}
	for _, j := range t.joins {
		errs = append(errs, j.end())
	}
	t.door.ch.Free()
	errs = append(errs, t.exports.free())
	errs = append(errs, t.intake.free(), t.loop.ch.Free(), t.beats.free(), t.lobby.Free(), t.pd.Free())
	t.loop.free()
	return errors.Join(errs...)
}
