package core

// SetReached tells that pages homed at a host are read and written without that host's processor, which then holds the
// other way round, too. Before the machine is used.
func (m *Machine) SetReached(host HostID) { m.reached[host], m.oneSided = true, true }

// SetOneSided tells whether other hosts may read and write this host's memory by themselves, so that no page here is known to
// be blank. Until a host knows whether they will, it must assume so: a peer that is ahead may ask for pages already.
func (m *Machine) SetOneSided(on bool) { m.oneSided = on }

// SetMarked gives the machine the function that appends to a list the pages homed here that others have begun to read by
// themselves since its last call, and is a full fence: whatever this host stored to such a page before the page was marked
// is in the bytes that were read. Before the machine is used.
func (m *Machine) SetMarked(marked func(dst []PageID) []PageID) { m.marked = marked }

// takeMarks notes which home pages others have read by themselves (P15). An unlock and a barrier do so before they list what
// is dirty. It does for each page what serving a fetch does; and what was writable without being tracked may have been
// written after it was read, so it counts as dirty. A barrier's exit need not look at marks: one that came in since is still
// there at the next release.
func (m *Machine) takeMarks() {
	if m.marked == nil || m.cfg.Plant == PlantIgnoreMarks {
		return
	}
	m.marks = m.marked(m.marks[:0])
	for _, p := range m.marks {
		if uint64(p) >= m.cfg.Pages {
			continue
		}
		pg := m.ofHome(p)
		if pg.flags&flagUndecided != 0 {
			m.markClaimed(pg)
			continue
		}
		switch pg.state {
		case HomeFresh:
			m.homed++
			pg.state = HomeClean
		case HomeIdle:
			pg.state = HomeClean
		case HomeUntracked:
			m.setDirty(p, pg, HomeDirty)
		}
		if m.cfg.Plant != PlantMarkKeepsAnnounced {
			pg.flags &^= flagAnnounced
		}
	}
}

// setDirty puts a page into state Dirty or HomeDirty.
func (m *Machine) setDirty(p PageID, pg *page, s State) {
	pg.state = s
	if pg.flags&flagListed == 0 {
		pg.flags |= flagListed
		m.dirty = append(m.dirty, p)
	}
}
