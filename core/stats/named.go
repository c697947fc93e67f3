package stats

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Named is what concerns the pages of the allocations of one name: the rows of the hosts that had to do with them, by ascending
// host. Only NamedFields of the rows are used, and Faulting is the time of all threads in them.
type Named struct {
	Name  string
	Hosts []Host
}

// NamedFields are counted for each name, in the order of the columns of NamedTable, whose headings are namedLabels.
var (
	NamedFields = [...]Field{Faulting, ReadFaults, WriteFaults, PagesFetched, PagesInvalidated, DiffsSent}
	namedLabels = [len(NamedFields)]string{"waiting, s", "read faults", "write faults", "fetched", "invalidated", "diffs sent"}
)

// namedWidth is that of a column, in characters.
const namedWidth = columnWidth + 2

// NamedTable returns the sums over all hosts for people, whole lines only: a line for each name, those that were waited for longest
// first. It is empty when there are no names.
func NamedTable(list []Named) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("jia: statistics by name of allocation, all hosts\n")
	fmt.Fprintf(&b, "  %-*s", labelWidth, "")
	for _, l := range namedLabels {
		fmt.Fprintf(&b, "%*s", namedWidth, l)
	}
	b.WriteByte('\n')
	type line struct {
		name string
		row  Row
	}
	var lines []line
	for _, n := range list {
		lines = append(lines, line{n.Name, sum(n.Hosts)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.row[Faulting], a.row[Faulting]) })
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-*s", labelWidth, printable(l.name))
		for _, f := range NamedFields {
			fmt.Fprintf(&b, "%*s", namedWidth, show(f, l.row[f]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// printable returns a name that fits the table: no control characters, and no longer than a label.
func printable(name string) string {
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = '?'
		}
	}
	if len(runes) > labelWidth {
		return string(runes[:labelWidth-3]) + "..."
	}
	return string(runes)
}

func sum(list []Host) (total Row) {
	for i := range list {
		total = total.Plus(list[i].Row)
	}
	return total
}

func (n *Named) appendJSON(b *bytes.Buffer) {
	name, _ := json.Marshal(n.Name) // a string always can be
	total := sum(n.Hosts)
	fmt.Fprintf(b, "\n    {\"name\": %s, \"total\": {", name)
	namedMembers(b, &total)
	b.WriteString("}, \"per_host\": [")
	for i := range n.Hosts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "{\"host\": %d, ", n.Hosts[i].Host)
		namedMembers(b, &n.Hosts[i].Row)
		b.WriteByte('}')
	}
	b.WriteString("]}")
}

func namedMembers(b *bytes.Buffer, r *Row) {
	for i, f := range NamedFields {
		if i > 0 {
			b.WriteString(", ")
		}
		member(b, r, f)
	}
}
