package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Unknown returns a warning of one line for every variable in environ (as os.Environ has them) that begins with JIA_ and
// is neither in Table nor in Internal.
func Unknown(environ []string) []string {
	known := make([]string, len(Table))
	for i, row := range Table {
		known[i] = row.Env
	}
	var warnings []string
	for _, item := range environ {
		name, _, _ := strings.Cut(item, "=")
		if strings.HasPrefix(name, "JIA_") && !slices.Contains(known, name) && !slices.Contains(Internal, name) {
			warnings = append(warnings, fmt.Sprintf("%s in the environment is not a setting and has no effect%s",
				shown(name), didYouMean(name, known)))
		}
	}
	return warnings
}

// didYouMean ends a warning about name with the nearest of known, if one is near.
func didYouMean(name string, known []string) string {
	if len(name) > longestShown {
		return ""
	}
	bare := func(name string) string { return strings.TrimPrefix(strings.ToLower(name), "jia_") }
	nearest, least := "", len(bare(name))/3+1 // a third of it mistyped is no likeness
	for _, k := range known {
		if d := distance(bare(name), bare(k)); d < least {
			nearest, least = k, d
		}
	}
	if nearest == "" {
		return ""
	}
	return "; did you mean " + nearest + "?"
}

// distance is the least number of bytes to insert, delete, replace or swap with their neighbour that makes b of a.
func distance(a, b string) int {
	var before, last []int // rows for a[:i-2] and a[:i-1]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
