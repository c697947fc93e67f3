package main

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"jiajia/core/conf"
)

// A report is what is known of the machine.
type report struct {
	Version  string    `json:"version"`
	Ready    bool      `json:"ready"` // a job can run here: no item is bad
	Sections []section `json:"sections"`
}

type section struct {
	Name  string `json:"name"`
	Items []item `json:"items"`
}

// An item is one fact.
type item struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Why    string `json:"why,omitempty"`
	State  state  `json:"state"`
	Remedy string `json:"remedy,omitempty"` // what to do; there is one for each item that is low or bad
}

// A state says whether a fact needs attention.
type state string

const (
	ok  state = "ok"
	low state = "low" // jobs run, but larger or faster ones would need more
	bad state = "bad" // no job can run
)

// newReport puts sections together.
func newReport(sections ...section) report {
	r := report{Version: conf.Version, Ready: true, Sections: sections}
	for _, s := range sections {
		for _, i := range s.Items {
			if i.State == bad {
				r.Ready = false
			}
		}
	}
	return r
}

// text returns the report for people: names in a column, reasons and remedies indented below their values.
func (r report) text() []byte {
	width := 0
	for _, s := range r.Sections {
		for _, i := range s.Items {
			width = max(width, utf8.RuneCountInString(i.Name))
		}
	}
	var b bytes.Buffer
	verdict := "a job can run here"
	if !r.Ready {
		verdict = "no job can run here: see the lines with !!"
	}
	fmt.Fprintf(&b, "JIAJIA %s: %s\n", r.Version, verdict)
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Name)
		for _, i := range s.Items {
			mark := map[state]string{ok: "  ", low: "! ", bad: "!!"}[i.State]
			fmt.Fprintf(&b, "%s %-*s  %s\n", mark, width, i.Name, i.Value)
			if i.Why != "" {
				fmt.Fprintf(&b, "   %*s  (%s)\n", width, "", i.Why)
			}
			if i.Remedy != "" {
				fmt.Fprintf(&b, "   %*s  -> %s\n", width, "", i.Remedy)
			}
		}
	}
	return b.Bytes()
}
