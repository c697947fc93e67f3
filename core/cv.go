package core

import "jiajia/core/wire"

// cv is a condition variable at its manager: an event flag without coherence.
type cv struct {
	set     bool
	waiting []waiting
}

// CV begins jia_setcv, jia_resetcv or jia_waitcv, named by the message that it takes.
func (m *Machine) CV(w Waiter, call wire.Type, id CVID, fx *Effects) (Status, error) {
	if id < 0 {
		name := map[wire.Type]string{wire.CVSet: "jia_setcv", wire.CVReset: "jia_resetcv", wire.CVWait: "jia_waitcv"}[call]
		return Done, misuse("%s(%d): a condition variable is a number from 0 up", name, id)
	}
	o := m.begin(w, opCV)
	o.phase = phReply
	o.peer = HostID(int(id) % m.cfg.Hosts)
	msg := wire.Message{Type: call, From: m.cfg.Self, Reply: uint32(w), Obj: uint64(id)}
	if o.peer != m.cfg.Self {
		fx.send(Send, o.peer, msg)
	} else if err := m.manageCV(&msg, fx); err != nil {
		panic(err)
	}
	return m.Resume(w, fx)
}

func (m *Machine) awaitCV(o *op) Status {
	switch {
	case o.granted:
		return Done
	case o.peer == m.cfg.Self:
		return Parked
	}
	return Await
}

// manageCV is the manager's side.
func (m *Machine) manageCV(msg *wire.Message, fx *Effects) error {
	id := CVID(msg.Obj)
	if int(id)%m.cfg.Hosts != int(m.cfg.Self) {
		return m.unexpected(msg)
	}
	c := m.cvs[id]
	if c == nil {
		c = &cv{}
		m.cvs[id] = c
	}
	me := waiting{host: msg.From, port: msg.Reply}
	switch msg.Type {
	case wire.CVSet:
		c.set = true
		for _, r := range c.waiting {
			m.answerCV(id, r, fx)
		}
		c.waiting = nil
	case wire.CVReset:
		c.set = false
	case wire.CVWait:
		if !c.set {
			c.waiting = append(c.waiting, me)
			return nil
		}
	}
	m.answerCV(id, me, fx)
	return nil
}

func (m *Machine) answerCV(id CVID, r waiting, fx *Effects) {
	if r.host == m.cfg.Self {
		m.op(Waiter(r.port)).granted = true
		m.wake(fx, Waiter(r.port))
		return
	}
	fx.send(Reply, r.host, wire.Message{Type: wire.CVDone, Port: r.port, Obj: uint64(id)})
}

func (m *Machine) cvDone(msg *wire.Message) error {
	o, err := m.mailbox(msg, phReply)
	if err != nil {
		return err
	}
	o.granted = true
	return nil
}
