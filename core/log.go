package core

import (
	"cmp"
	"slices"
)

// writeLog remembers which pages this host has flushed, in order. A scope remembers the number of the newest entry
// when it began (its mark); its write notices are the pages with a newer entry. One rule covers nested locks, several
// threads, and flushes that another thread or an eviction caused (P1, P5).
//
// The newest entry of a page is what counts; it is kept in the page's record. Older entries of the page are stale.
type writeLog struct {
	seq     uint64 // number of the newest entry
	entries []logEntry
	compact int // compact when the entries outgrow this
}

type logEntry struct {
	seq  uint64
	page PageID
}

const logSlack = 1024

// logPage makes a log entry for p.
func (m *Machine) logPage(p PageID) {
	l := &m.log
	l.seq++
	m.pages.at(m, p).logged = l.seq
	l.entries = append(l.entries, logEntry{l.seq, p})
	if len(l.entries) > l.compact {
		m.compactLog()
	}
}

// compactLog drops the entries that no open scope can ask for and the stale ones.
func (m *Machine) compactLog() {
	l := &m.log
	oldest := m.bar.mark
	for _, k := range m.open {
		oldest = min(oldest, k.mark)
	}
	for _, k := range m.writing {
		oldest = min(oldest, k.mark)
	}
	keep := l.entries[:0]
	for _, e := range l.entries {
		if e.seq > oldest && m.pages.find(e.page).logged == e.seq {
			keep = append(keep, e)
		}
	}
	l.entries = keep
	l.compact = 2*len(keep) + logSlack
}

// loggedSince returns the pages logged after mark, sorted, each once. The slice is valid until the next call.
func (m *Machine) loggedSince(mark uint64) []PageID {
	l := &m.log
	i, _ := slices.BinarySearchFunc(l.entries, mark+1, func(e logEntry, s uint64) int { return cmp.Compare(e.seq, s) })
	out := m.scratch[:0]
	for _, e := range l.entries[i:] {
		if m.pages.find(e.page).logged == e.seq {
			out = append(out, e.page)
		}
	}
	slices.Sort(out)
	m.scratch = out
	return out
}
