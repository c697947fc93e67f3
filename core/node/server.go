package node

import (
	"fmt"
	"io"
	"unsafe"

	"jiajia/core"
	"jiajia/core/diff"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// server answers other hosts, those of one transport. Its serving thread calls it, one message at a time; it never blocks.
type server struct {
	n     *Node
	fx    core.Effects
	pages []core.PageID
	// frames are those that the answer under way sends.
	frames [][]byte
}

// Serve implements Handler.
func (s *server) Serve(m *wire.Message, body []byte) {
	if err := s.serve(m, body); err != nil {
		s.n.fail(err)
	}
}

func (s *server) serve(m *wire.Message, body []byte) error {
	n := s.n
	if m.Type == wire.PoolAsk || m.Type == wire.PoolGive {
		return s.servePool(m)
	}
	if m.Type >= wire.CkptPlan && m.Type <= wire.CkptDone {
		return s.serveCheckpoint(m)
	}
	s.pages = s.pages[:0]
	if m.Type == wire.Diff {
		if err := s.listPages(m, body); err != nil {
			return err
		}
	}
	n.mu.Lock()
	n.tally.received(m)
	n.tally.row[stats.DiffsReceived] += uint64(len(s.pages))
	var err error
	if m.Type == wire.Diff {
		for _, p := range s.pages {
			n.preserve(uint64(p), 1)
		}
		err = n.machine.HandleDiff(m, s.pages, &s.fx)
	} else {
		err = n.machine.Handle(m, &s.fx)
	}
	if m.Type == wire.GetPage && !redirects(&s.fx) {
		n.tally.row[stats.PagesServed] += m.Version
	}
	if err == nil {
		err = n.memory(nil, &s.fx)
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if m.Type == wire.Diff {
		base := unsafe.Pointer(unsafe.SliceData(n.region.Frame(0)))
		if err := diff.ApplyAt(base, n.cfg.PageSize, n.region.Pages(), body); err != nil {
			return fmt.Errorf("apply the diff of host %d: %w", m.From, err)
		}
	}
	s.emit()
	return nil
}

// listPages collects the numbers of the pages that a diff message changes, and checks every byte of its format.
func (s *server) listPages(m *wire.Message, body []byte) error {
	r := diff.NewReader(body, s.n.cfg.PageSize, s.n.region.Pages())
	for {
		p, _, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("diff of host %d: %w", m.From, err)
		}
		s.pages = append(s.pages, core.PageID(p))
	}
}

func (s *server) emit() {
	n := s.n
	for i := range s.fx.List {
		e := &s.fx.List[i]
		switch e.Kind {
		case core.Send:
			m := &s.fx.Msgs[e.Msg]
			m.From = n.cfg.Self
			if err := n.trans.Post(e.Host, m); err != nil {
				n.lost(e.Host, err)
			}
		case core.Reply, core.ReplyPage:
			s.frames = s.frames[:0]
			if e.Kind == core.ReplyPage {
				for _, p := range s.fx.PagesOf(e) {
					s.frames = append(s.frames, n.region.Frame(uint64(p)))
				}
			}
			n.reply(e, &s.fx, s.frames)
		case core.Wake:
			n.wake(e.Waiter)
		}
	}
	s.fx.Reset()
}

// Lost implements Handler.
func (s *server) Lost(host wire.HostID, err error) { s.n.lost(host, err) }
