package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"jiajia/ckpt"
)

func list(s *ckpt.Store, dir string, generations []uint64, out *output) error {
	if len(generations) == 0 {
		out.printf("%s has no complete checkpoint\n", dir)
		return nil
	}
	bad := 0
	table := tabwriter.NewWriter(out.w, 0, 8, 2, ' ', 0)
	rows := &output{w: table}
	rows.printf("generation\ttaken\thosts\tparts here\tbuilds on\tpages\tMB\tjob\n")
	for _, g := range generations {
		row, err := describe(s, g)
		if err != nil {
			bad++
			row = err.Error()
		}
		rows.printf("%d\t%s\n", g, row)
	}
	if err := errors.Join(rows.err, table.Flush()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d manifests cannot be used", bad, len(generations))
	}
	return nil
}

// describe returns what list has to say of a generation, in its columns.
func describe(s *ckpt.Store, generation uint64) (string, error) {
	m, err := s.Manifest(generation)
	if err != nil {
		return "", err
	}
	here, err := s.Here(m)
	if err != nil {
		return "", err
	}
	base := "full"
	if m.Base != 0 {
		base = fmt.Sprint(m.Base)
	}
	pages, bytes := size(m)
	return fmt.Sprintf("%s\t%d\t%d\t%s\t%d\t%.1f\t%.8s", taken(m), m.Hosts, len(here), base, pages, bytes, m.Job), nil
}

func taken(m *ckpt.Manifest) string { return m.Time.Local().Format(time.DateTime) }

// size adds up the parts: pages with contents, and megabytes of the files.
func size(m *ckpt.Manifest) (pages uint64, megabytes float64) {
	for _, part := range m.Parts {
		pages += part.Pages
		megabytes += float64(part.Bytes) / 1e6
	}
	return pages, megabytes
}
