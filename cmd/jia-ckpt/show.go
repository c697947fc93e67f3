package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"

	"jiajia/ckpt"
)

func show(s *ckpt.Store, generation uint64, out *output) error {
	m, err := s.Manifest(generation)
	if err != nil {
		return err
	}
	pages, megabytes := size(m)
	out.printf("generation %d of job %s\n", m.Generation, m.Job)
	out.printf("taken %s, by %d hosts\n", taken(m), m.Hosts)
	out.printf("%d pages of %d bytes, %.1f MB in files\n", pages, m.PageSize, megabytes)
	chain, broken := s.Chain(m)
	switch {
	case broken != nil:
	case len(chain) == 1:
		out.printf("full\n")
	default:
		out.printf("builds on %s, which is full\n", bases(chain))
	}
	failed := broken
	table := tabwriter.NewWriter(out.w, 0, 8, 2, ' ', 0)
	rows := &output{w: table}
	rows.printf("host\tpages\tzero pages\tMB\tother contents\n")
	for host, part := range m.Parts {
		zero, sections, err := contents(s, m, host)
		if err != nil {
			sections = err.Error()
			if errors.Is(err, fs.ErrNotExist) {
				sections = "(not in this directory)"
			} else if failed == nil {
				failed = err
			}
		}
		rows.printf("%d\t%d\t%d\t%.1f\t%s\n", host, part.Pages, zero, float64(part.Bytes)/1e6, sections)
	}
	var state bytes.Buffer
	if err := json.Indent(&state, m.State, "", "  "); err != nil {
		return err
	}
	if err := errors.Join(rows.err, table.Flush()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	out.printf("state of the job: %s\n", state.Bytes())
	return failed
}

func bases(chain []*ckpt.Manifest) string {
	var names []string
	for _, m := range chain[1:] {
		names = append(names, fmt.Sprint(m.Generation))
	}
	return strings.Join(names, ", on ")
}

// contents reads a part: how many pages it says are zero, and its sections, with their sizes in bytes.
func contents(s *ckpt.Store, m *ckpt.Manifest, host int) (zero uint64, sections string, err error) {
	r, err := s.OpenPart(m, host)
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	var names []string
	for {
		b, err := r.Next()
		switch {
		case err == io.EOF:
			return zero, strings.Join(names, ", "), nil
		case err != nil:
			return 0, "", err
		case b.Kind == ckpt.KindZero:
			zero += b.Count
		case b.Kind == ckpt.KindSection && b.Offset == 0:
			names = append(names, fmt.Sprintf("%q (%d)", b.Name, b.Total))
		}
	}
}
