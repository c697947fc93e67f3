package core

import "jiajia/core/wire"

// appendRun adds a page to a sorted list of ranges, joined to the last when it continues it.
func appendRun(list []wire.Range, p PageID, count uint64, writer HostID) []wire.Range {
	if n := len(list) - 1; n >= 0 && list[n].Writer == writer && list[n].Page+PageID(list[n].Count) == p {
		list[n].Count += count
		return list
	}
	return append(list, wire.Range{Page: p, Count: count, Writer: writer})
}

// mergeRanges combines what two groups of hosts wrote: a page in both lists was written by Many. The lists are sorted;
// so is the result, appended to out.
func mergeRanges(out, a, b []wire.Range) []wire.Range {
	var x, y wire.Range // what is left of the ranges at hand; empty when Count is 0
	for {
		if x.Count == 0 && len(a) > 0 {
			x, a = a[0], a[1:]
		}
		if y.Count == 0 && len(b) > 0 {
			y, b = b[0], b[1:]
		}
		switch {
		case x.Count == 0 && y.Count == 0:
			return out
		case y.Count == 0 || x.Count > 0 && x.Page < y.Page:
			n := x.Count
			if y.Count > 0 {
				n = min(n, uint64(y.Page-x.Page))
			}
			out = appendRun(out, x.Page, n, x.Writer)
			x.Page, x.Count = x.Page+PageID(n), x.Count-n
		case x.Count == 0 || y.Page < x.Page:
			n := y.Count
			if x.Count > 0 {
				n = min(n, uint64(x.Page-y.Page))
			}
			out = appendRun(out, y.Page, n, y.Writer)
			y.Page, y.Count = y.Page+PageID(n), y.Count-n
		default:
			n := min(x.Count, y.Count)
			out = appendRun(out, x.Page, n, wire.Many)
			x.Page, x.Count = x.Page+PageID(n), x.Count-n
			y.Page, y.Count = y.Page+PageID(n), y.Count-n
		}
	}
}
