package sim

import (
	"encoding/binary"
	"fmt"
	"slices"

	"jiajia/core"
	"jiajia/core/wire"
)

// packet is an encoded message on its way. Everything that hosts tell each other goes through these bytes, so they
// share no memory.
type packet struct {
	to    core.HostID
	bytes []byte
	prio  uint64
	after hold // not acted on before this step, unless nothing else can happen
}

// job is work of a host's server, or of a driver that answers for it, cut into steps that others may come between.
type job struct {
	h    *host
	prio uint64
	// after is the step before which it is not gone on with, unless nothing else can happen.
	after hold
	fx    core.Effects
	next  int // effect to carry out
	// apply are the diffs still to be applied, before any effect.
	apply []patch
	// reply is being filled with the page that the next effect sends.
	reply []byte
	// early is a page request whose page is read before the machine hears of it: a planted mistake.
	early *packet
	// rewrite is a page that a planted mistake writes back as a whole.
	rewrite *frame
}

// encode turns a message into bytes.
func encode(from core.HostID, msg wire.Message, body []byte) []byte {
	msg.From = from
	msg.Length = uint64(len(body))
	return append(wire.Append(nil, &msg), body...)
}

// decode is the way back; body is the payload of a Page or a Diff.
func (c *cluster) decode(b []byte) (msg wire.Message, body []byte) {
	ranges, err := wire.DecodeHeader(b, &msg)
	if err == nil {
		body = b[wire.HeaderSize:]
		err = wire.DecodePayload(&msg, ranges, body)
	}
	if err != nil {
		c.failf("decode: %v", err)
	}
	return msg, body
}

// post sends a message to a host's server, to a mailbox of it or over a link.
func (c *cluster) post(from *host, e *core.Effect, msg *wire.Message, body []byte) {
	c.messages++
	p := &packet{to: e.Host, bytes: encode(from.id, *msg, body), prio: c.r.next(), after: c.delay()}
	if c.storm && msg.Type == c.swarm.slow && c.r.chance(60) {
		p.after = c.hold(300, 15)
	}
	if c.tracing() {
		c.tracef("%d: sends %s to %d", from.id, describeMessage(msg, body), e.Host)
	}
	to := c.hosts[e.Host]
	switch e.Kind {
	case core.SendLink:
		to.links[from.id] = append(to.links[from.id], p)
	case core.Reply, core.ReplyPage:
		if c.opt.Plant == core.PlantNoAck && msg.Type == wire.DiffAck && to.calls[msg.Port] != to.sent[msg.Obj] {
			c.net = append(c.net, p) // nobody waits for it at the mailbox
			return
		}
		to.boxes[core.Waiter(msg.Port)] = append(to.boxes[core.Waiter(msg.Port)], p)
	default:
		c.net = append(c.net, p)
	}
}

func encodePatches(list []patch) []byte {
	var b []byte
	for i := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(list[i].page))
		b = binary.LittleEndian.AppendUint64(b, list[i].mask)
		b = append(b, list[i].data[:]...)
	}
	return b
}

func decodePatches(b []byte) (list []patch) {
	for ; len(b) > 0; b = b[2*wordBytes+pageBytes:] {
		p := patch{page: core.PageID(binary.LittleEndian.Uint64(b)), mask: binary.LittleEndian.Uint64(b[wordBytes:])}
		copy(p.data[:], b[2*wordBytes:])
		list = append(list, p)
	}
	return list
}

// deliver gives a message to the server of a host.
func (c *cluster) deliver(p *packet) {
	h := c.hosts[p.to]
	j := c.newJob()
	j.h, j.prio, j.after = h, c.r.next(), c.delay()
	if c.opt.Plant == core.PlantReadBeforeMark && wire.Type(p.bytes[5]) == wire.GetPage {
		j.early = p
		c.jobs = append(c.jobs, j)
		return
	}
	c.serve(j, p)
	if len(j.fx.List) > 0 {
		c.jobs = append(c.jobs, j)
	} else {
		c.spare = append(c.spare, j)
	}
}

// newJob returns an empty job: if possible one that is over, for its lists.
func (c *cluster) newJob() *job {
	n := len(c.spare) - 1
	if n < 0 {
		return &job{}
	}
	j := c.spare[n]
	c.spare = c.spare[:n]
	j.fx.Reset()
	*j = job{fx: j.fx}
	return j
}

func (c *cluster) serve(j *job, p *packet) {
	h := j.h
	msg, body := c.decode(p.bytes)
	if c.tracing() {
		c.tracef("%d: server takes %s", h.id, describeMessage(&msg, body))
	}
	c.asker = asker{msg.From, core.Waiter(msg.Reply)}
	var err error
	if msg.Type == wire.Diff {
		j.apply = decodePatches(body)
		pages := make([]core.PageID, len(j.apply))
		for i := range pages {
			pages[i] = j.apply[i].page
		}
		err = h.m.HandleDiff(&msg, pages, &j.fx)
		for _, p := range pages {
			c.beforeChange(h, p, 1)
		}
	} else {
		err = h.m.Handle(&msg, &j.fx)
	}
	if err != nil {
		c.failf("host %d: %v", h.id, err)
	}
	c.memoryEffects(h, &j.fx)
	c.watchPins(h, nil)
	c.check(h)
}

// stepJob takes one step of a server's work and tells whether there is more.
func (c *cluster) stepJob(j *job) bool {
	h := j.h
	switch {
	case j.early != nil:
		return c.stepEarly(j)
	case len(j.apply) > 0:
		c.stepApply(j)
		return true
	case j.next >= len(j.fx.List):
		return false
	}
	e := &j.fx.List[j.next]
	if e.Kind == core.ReplyPage && j.readWord(j.fx.PagesOf(e)) {
		return true
	}
	j.next++
	if !e.Memory() {
		c.carryOut(h, nil, e, &j.fx, j.reply)
		j.reply = nil
	}
	return j.next < len(j.fx.List)
}

func (c *cluster) stepApply(j *job) {
	p := &j.apply[0]
	if c.opt.Plant == core.PlantReadModify {
		if j.rewrite == nil {
			f := j.h.mem.frames[p.page]
			for i := range f {
				if p.mask&(1<<i) != 0 {
					f[i] = p.data[i]
				}
			}
			j.rewrite = &f
			return
		}
		j.h.mem.frames[p.page], j.rewrite = *j.rewrite, nil
		j.apply = j.apply[1:]
		return
	}
	if !j.h.applyWord(p) || p.mask == 0 {
		j.apply = j.apply[1:]
	}
}

// readWord reads the next word of the pages that an answer carries, unless it has all.
func (j *job) readWord(pages []core.PageID) bool {
	page, at := len(j.reply)/pageBytes, len(j.reply)%pageBytes
	if page < len(pages) {
		j.reply = append(j.reply, j.h.mem.frames[pages[page]][at:at+wordBytes]...)
	}
	return page < len(pages)
}

// stepEarly reads the pages word by word, and only then lets the machine mark and protect them.
func (c *cluster) stepEarly(j *job) bool {
	msg, _ := c.decode(j.early.bytes)
	var pages []core.PageID
	for i := range msg.Version {
		pages = append(pages, core.PageID(msg.Obj+i*msg.Epoch))
	}
	if j.readWord(pages) {
		return true
	}
	p := j.early
	j.early = nil
	c.serve(j, p)
	all := j.reply
	j.reply = nil
	for i := range j.fx.List {
		if e := &j.fx.List[i]; e.Kind == core.ReplyPage {
			for _, p := range j.fx.PagesOf(e) {
				k := slices.Index(pages, p) * pageBytes
				j.reply = append(j.reply, all[k:k+pageBytes]...)
			}
		}
	}
	return true
}

// carryOut does one effect that is not a memory effect. a is the thread that it belongs to, or nil.
func (c *cluster) carryOut(h *host, a *actor, e *core.Effect, fx *core.Effects, body []byte) {
	switch e.Kind {
	case core.SendDiff:
		c.sendDiff(h, a, e)
	case core.Read:
		c.beginRead(a, e)
	case core.NeedRoom:
		h.short = true
	case core.Wake:
		if c.tracing() {
			c.tracef("%d: wakes waiter %d", h.id, e.Waiter)
		}
		h.woken[e.Waiter] = true
	case core.ReplyPage:
		c.post(h, e, &fx.Msgs[e.Msg], body)
	default:
		if c.reachWord(a, e, &fx.Msgs[e.Msg]) {
			return
		}
		c.finishExecution(h, &fx.Msgs[e.Msg])
		c.post(h, e, &fx.Msgs[e.Msg], nil)
	}
}

// sendDiff sends a diff message or sets out to store it, or acknowledges it at once when nothing changed.
func (c *cluster) sendDiff(h *host, a *actor, e *core.Effect) {
	d := h.diffs[e.ID]
	delete(h.diffs, e.ID)
	if d != nil && len(d.patches) > 0 {
		if !c.beginStore(a, e, d) {
			c.postDiff(h, e.Host, e.ID, e.Waiter, d.patches)
		}
		return
	}
	if c.tracing() {
		c.tracef("%d: diff %d is empty", h.id, e.ID)
	}
	a.emptied = append(a.emptied, e.ID)
}

func (c *cluster) postDiff(h *host, home core.HostID, id uint64, w core.Waiter, patches []patch) {
	h.sent[id] = h.calls[w]
	msg := wire.Message{Type: wire.Diff, Obj: id, Reply: uint32(w)}
	c.post(h, &core.Effect{Kind: core.Send, Host: home}, &msg, encodePatches(patches))
}

func describeMessage(m *wire.Message, body []byte) string {
	s := fmt.Sprintf("%v obj=%d", m.Type, m.Obj)
	switch m.Type {
	case wire.GetPage:
		if m.Host != 0 {
			s += " undecided"
		}
		if m.Version > 1 {
			s += fmt.Sprintf(" pages=%d stride=%d", m.Version, m.Epoch)
		}
	case wire.LockReq, wire.LockFwd:
		s += fmt.Sprintf(" for=%d seen=%d", m.Host, m.Version)
		if m.Epoch == 1 {
			s += " try"
		}
	case wire.LockGrant, wire.RWGrant:
		s += fmt.Sprintf(" version=%d epoch=%d notices=%v", m.Version, m.Epoch, m.Notices)
	case wire.BarArrive, wire.BarRelease:
		s += fmt.Sprintf(" %v ranges=%v", m.Kind, m.Ranges)
	case wire.Diff:
		for _, p := range decodePatches(body) {
			s += fmt.Sprintf(" p%d mask=%#x", p.page, p.mask)
		}
	case wire.Page:
		if len(body) == 0 {
			s += " blank"
		}
	case wire.Claimed:
		if m.Version != 0 {
			s += " shared"
		}
	case wire.HomeIs:
		s += fmt.Sprintf(" homes=%v", m.Numbers)
	}
	return s
}

var effectNames = [...]string{core.Protect: "protect", core.Unmap: "unmap", core.Twin: "twin", core.Diff: "diff",
	core.Map: "map", core.MapWrite: "map writable", core.MapFresh: "map fresh", core.Discard: "discard", core.Hide: "hide", core.Abandon: "abandon", core.Publish: "publish", core.Execute: "execute", core.CutBegin: "cut begins", core.Zero: "zero", core.Save: "save", core.CutEnd: "cut ends", core.Send: "send", core.SendLink: "send on link",
	core.SendDiff: "send diff", core.Reply: "reply", core.ReplyPage: "reply with page", core.Read: "read", core.Wake: "wake", core.NeedRoom: "need room"}

func describeEffect(e *core.Effect, fx *core.Effects) string {
	switch {
	case e.Kind == core.CutBegin || e.Kind == core.CutEnd:
		return fmt.Sprintf("%s, generation %d", effectNames[e.Kind], e.ID)
	case e.Memory() && e.Count > 1:
		return fmt.Sprintf("%s p%d-p%d", effectNames[e.Kind], e.Page, e.Page+core.PageID(e.Count)-1)
	case e.Memory():
		return fmt.Sprintf("%s p%d", effectNames[e.Kind], e.Page)
	}
	return effectNames[e.Kind]
}
