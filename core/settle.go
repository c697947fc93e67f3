package core

import "slices"

// Two calls for memory that passes from one owner to another without the program's synchronisation, as that of pools does.
// Who gives a piece up calls Settle before he says so, or bytes that he has written would reach the home after those of the next
// owner. Who takes one over calls Refresh before he uses it, or he would compare what he writes with a twin that is older than
// what others have written, and the home would not hear of bytes that seem unchanged.

// Settle writes every dirty page of this host back to its home and waits until all is there, also what other threads have sent. A
// page that is written again meanwhile is dirty again.
func (m *Machine) Settle(w Waiter, fx *Effects) (Status, error) {
	m.flushAll(m.begin(w, opSettle))
	return m.Resume(w, fx)
}

func (m *Machine) goSettle(w Waiter, o *op, fx *Effects) Status {
	if o.phase == phFlush {
		if st := m.goFlush(w, o, fx); st != Done {
			return st
		}
	}
	return m.goAcks(w, o)
}

// Refresh drops this host's copies of some pages, those that are dirty after they were written back, and dooms what is being fetched of
// them. An access after it finds what its home has then. Pages that are homed here stay.
func (m *Machine) Refresh(w Waiter, pages []PageID, fx *Effects) (Status, error) {
	o := m.begin(w, opRefresh)
	o.phase = phInval
	o.pending = append(o.pending, pages...)
	slices.Sort(o.pending)
	o.pending = slices.Compact(o.pending)
	return m.Resume(w, fx)
}
