package core

import "jiajia/core/wire"

// serve answers a request for pages. Marking them as shared, protecting them and clearing announced come strictly before
// their bytes are read (P7). A dirty page stays dirty.
func (m *Machine) serve(msg *wire.Message, fx *Effects) error {
	if m.redirect(msg, fx) {
		return nil
	}
	for i := range msg.Version {
		p := PageID(msg.Obj + i*msg.Epoch)
		pg, err := m.asHome(p, msg)
		if err != nil {
			return err
		}
		if msg.Host != 0 {
			m.learn(p, pg)
		}
		m.share(p, pg, fx)
	}
	page := wire.Message{Type: wire.Page, Port: msg.Reply, Obj: msg.Obj}
	reply := Effect{Kind: Reply, Host: msg.From, ID: uint64(len(fx.pages)), Msg: len(fx.Msgs)}
	for i := range msg.Version {
		p := PageID(msg.Obj + i*msg.Epoch)
		if m.pages.at(m, p).flags&flagBlank == 0 {
			reply.Kind = ReplyPage
			reply.Count++
			fx.pages = append(fx.pages, p)
			page.Carry(int(i))
			page.Length += uint64(m.cfg.PageSize)
		}
	}
	fx.Msgs = append(fx.Msgs, page)
	fx.add(reply)
	return nil
}

// share notes that another host gets a copy of a home page.
func (m *Machine) share(p PageID, pg *page, fx *Effects) {
	switch pg.state {
	case HomeFresh:
		pg.state = HomeClean
		if m.oneSided && pg.flags&flagUndecided == 0 {
			m.homed++
			break // others may have written it
		}
		// Never written: the reader needs no bytes, and this host no frame. The first write here will be tracked.
		pg.flags |= flagBlank
	case HomeUntracked:
		if m.oneSided && m.cfg.Plant != PlantServeForgetsMark {
			m.setDirty(p, pg, HomeDirty) // another host may have read it by itself, before it was last written (P15)
			break
		}
		if pg.flags&flagPinned != 0 {
			m.setDirty(p, pg, HomeDirty) // as if it was written right after this: no thread is here to get access back
			break
		}
		pg.state = HomeClean
		fx.run(Protect, p)
	case HomeIdle:
		pg.state = HomeClean
	case HomeDirty:
		if m.cfg.Plant == PlantServeCleans {
			pg.state = HomeClean
			fx.run(Protect, p)
		}
	}
	if m.cfg.Plant != PlantUntrackDespiteFetch {
		pg.flags &^= flagAnnounced
	}
}
