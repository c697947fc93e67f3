package region

import (
	"cmp"
	"slices"
)

// Span is a run of pages.
type Span struct{ Page, Count uint64 }

// keep sorts and joins the spans that collapse is to leave as they are.
func (m *mprotect) keep(spans []Span) {
	spans = slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return cmp.Compare(a.Page, b.Page) })
	m.kept = m.kept[:0]
	for _, s := range spans {
		if k := len(m.kept); k > 0 && s.Page <= m.kept[k-1].Page+m.kept[k-1].Count {
			last := &m.kept[k-1]
			last.Count = max(last.Page+last.Count, s.Page+s.Count) - last.Page
			continue
		}
		m.kept = append(m.kept, s)
	}
}
