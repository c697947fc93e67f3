package conf

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// ConfFile is the name of the file of settings, which is looked for in the working directory.
const ConfFile = ".jiaconf"

// An entry is a line "key = value" of a ConfFile.
type entry struct {
	value string
	line  int
}

// parseFile reads a ConfFile. The entries are those of Table, by key; what else is in the file leads to warnings.
func parseFile(path string, text []byte) (entries map[string]entry, warnings []string, err error) {
	entries = map[string]entry{}
	var legacy []string
	for number, line := range lines(text) {
		key, value, found := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !found || !only(key, "_-.") || key == "" {
			return nil, nil, fmt.Errorf(`%s:%d: found %s, expected "key = value", such as "nproc = 4": `+
				"correct the line, or put # in front of it", path, number, shown(line))
		}
		row := slices.IndexFunc(Table, func(s Setting) bool { return s.Name == key })
		switch {
		case row >= 0 && Table[row].EnvOnly:
			return nil, nil, fmt.Errorf("%s:%d: %s can be set only in the environment, as %s: remove the line", path, number, key, Table[row].Env)
		case row >= 0:
			if before, twice := entries[key]; twice {
				warnings = append(warnings, fmt.Sprintf("%s:%d: %s is set in line %d already; this line counts: remove one of them",
					path, number, key, before.line))
			}
			entries[key] = entry{value, number}
		case slices.ContainsFunc(Legacy, func(l LegacyKey) bool { return l.Name == key }):
			if !slices.Contains(legacy, key) {
				legacy = append(legacy, key)
			}
		default:
			warnings = append(warnings, fmt.Sprintf("%s:%d: %s is not a setting and has no effect%s",
				path, number, shown(key), didYouMean(key, fileKeys())))
		}
	}
	if legacy != nil {
		warnings = append(warnings, fmt.Sprintf("%s: %s: without meaning in this version, and ignored; the lines can be removed",
			path, strings.Join(legacy, ", ")))
	}
	return entries, warnings, nil
}

// fileKeys are the keys that a ConfFile may have.
func fileKeys() []string {
	var keys []string
	for _, row := range Table {
		if !row.EnvOnly {
			keys = append(keys, row.Name)
		}
	}
	for _, l := range Legacy {
		keys = append(keys, l.Name)
	}
	return keys
}

// lines yields the lines of a file that say something, by number from 1 on, without comments and surrounding space. It
// takes the ends of lines and the mark at the beginning that editors on other systems write.
func lines(text []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
			number++
			said, _, _ := bytes.Cut(line, []byte("#"))
			if said = bytes.TrimSpace(said); len(said) > 0 && !yield(number, string(said)) {
				return
			}
		}
	}
}
