package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mostColumns is how many hosts get a column each. For more there are the extremes, the median and the total.
const mostColumns = 8

const (
	labelWidth  = 27 // characters
	columnWidth = 12
)

// Table returns the statistics of a job of so many hosts for people: a line for each field, whole lines only. list holds
// the hosts whose numbers are known, at least one, by ascending number.
func Table(hosts int, list []Host) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jia: statistics of %s\n", hostsOf(hosts, len(list)))
	each := len(list) <= mostColumns
	var columns []string
	switch {
	case hosts == 1:
	case each:
		for _, h := range list {
			columns = append(columns, fmt.Sprintf("host %d", h.Host))
		}
		columns = append(columns, "total")
	default:
		columns = []string{"least", "median", "most", "on host", "total"}
	}
	line := func(label string, cells ...string) {
		fmt.Fprintf(&b, "  %-*s", labelWidth, label)
		for _, c := range cells {
			fmt.Fprintf(&b, "%*s", columnWidth, c)
		}
		b.WriteByte('\n')
	}
	if len(columns) > 0 {
		line("", columns...)
	}
	for f := Field(0); int(f) < Len; f++ {
		var cells []string
		if each {
			for _, h := range list {
				cells = append(cells, show(f, h.Row[f]))
			}
		} else {
			cells = spread(f, list)
		}
		if hosts > 1 {
			var total Row
			for _, h := range list {
				total = total.Plus(h.Row)
			}
			cells = append(cells, show(f, total[f]))
		}
		line(Fields[f].Label+unitName[Fields[f].Unit], cells...)
	}
	return b.String()
}

func hostsOf(hosts, known int) string {
	switch {
	case hosts == 1:
		return "1 host"
	case known < hosts:
		return fmt.Sprintf("%d hosts (those of %d did not arrive)", hosts, hosts-known)
	}
	return fmt.Sprintf("%d hosts", hosts)
}

var unitName = [...]string{Number: "", Bytes: ", MB", Nanoseconds: ", s"}

// show words one value: seconds, millions of bytes, or a plain number.
func show(f Field, v uint64) string {
	switch Fields[f].Unit {
	case Bytes:
		return fmt.Sprintf("%.3f", float64(v)/1e6)
	case Nanoseconds:
		return fmt.Sprintf("%.3f", float64(v)/1e9)
	}
	return fmt.Sprint(v)
}

// spread returns the smallest, the middle and the largest value of a field, and the first host that has the largest.
func spread(f Field, list []Host) []string {
	byValue := func(a, b Host) int { return cmp.Compare(a.Row[f], b.Row[f]) }
	sorted := slices.SortedFunc(slices.Values(list), byValue)
	most := slices.MaxFunc(list, byValue)
	return []string{show(f, sorted[0].Row[f]), show(f, sorted[len(sorted)/2].Row[f]), show(f, most.Row[f]), fmt.Sprint(most.Host)}
}
