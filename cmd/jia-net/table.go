package main

import (
	"fmt"
	"strings"
	"time"
)

// A row is a path, measured in one way.
type row struct {
	path path
	how  string
	err  error
	result
}

// A table is what is printed.
type table struct {
	rows  []row
	notes []string
}

var heading = [][]string{
	{"address", "through", "64 B there and back", "", "64 B there, 4 KiB back", "", "4 KiB pages"},
	{"", "", "median", "99 %", "median", "99 %", "MB/s"},
}

// text lays the table out in columns.
func (t *table) text() string {
	lines := append([][]string{}, heading...)
	for _, r := range t.rows {
		line := []string{r.path.String(), r.how}
		if r.err != nil {
			lines = append(lines, append(line, "failed: "+r.err.Error()))
			continue
		}
		line = append(line, r.small.words()...)
		line = append(line, r.page.words()...)
		speed := "-"
		if r.bandwidth > 0 {
			speed = fmt.Sprintf("%.0f", r.bandwidth/1e6)
		}
		lines = append(lines, append(line, speed))
	}
	var widths []int
	for i, line := range lines {
		if i >= len(heading) && len(line) < len(heading[0]) {
			line = line[:2] // the reason of a failure may be as long as it is
		}
		for c, word := range line {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			if word = strings.TrimSpace(word); i > 0 || c < 2 || c == 6 {
				widths[c] = max(widths[c], len(word))
			}
		}
	}
	for c, group := range map[int]string{2: heading[0][2], 4: heading[0][4]} {
		widths[c] = max(widths[c], len(group)-widths[c+1]-2)
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(layOut(line, widths), " ") + "\n")
	}
	for i, r := range t.rows {
		if r.path.what != "" && (i == 0 || t.rows[i-1].path != r.path) {
			fmt.Fprintf(&b, "%v is on %s\n", r.path.remote, r.path.what)
		}
	}
	for _, note := range t.notes {
		b.WriteString(note + "\n")
	}
	return b.String()
}

// layOut puts words into columns: the first two from the left, figures from the right, a heading over two columns.
func layOut(line []string, widths []int) string {
	var b strings.Builder
	for c := 0; c < len(line); c++ {
		switch {
		case c < 2:
			fmt.Fprintf(&b, "%-*s  ", widths[c], line[c])
		case strings.HasPrefix(line[c], "failed: "):
			b.WriteString(line[c])
		case c+1 < len(line) && line[c+1] == "" && line[c] != "":
			fmt.Fprintf(&b, "%*s  ", widths[c]+widths[c+1]+2, line[c])
			c++
		default:
			fmt.Fprintf(&b, "%*s  ", widths[c], line[c])
		}
	}
	return b.String()
}

// words are the figures of a sample in us.
func (s sample) words() []string {
	if s.median == 0 {
		return []string{"-", "-"}
	}
	us := func(d time.Duration) string { return fmt.Sprintf("%.1f us", float64(d)/float64(time.Microsecond)) }
	return []string{us(s.median), us(s.p99)}
}
