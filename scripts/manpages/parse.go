package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A header is what the pages say of jia.h.
type header struct {
	overview string // its first comment
	sections []*section
}

// A section begins with a comment of the form "---- Title ----".
type section struct {
	title string
	intro string // the comment right after the title, if it documents nothing by name
	docs  []*doc
}

// A doc is a comment of the form "name, name - summary", with the declarations that it documents.
type doc struct {
	names   []string
	summary string   // the rest of the first line, and on to the end of its sentence
	text    string   // what follows the summary
	code    []string // declarations in the header's order, without the semicolon; at least one
}

var (
	titleForm = regexp.MustCompile(`^---- (.+?) -+$`)
	docForm   = regexp.MustCompile(`^((?:struct )?\w+(?:, (?:struct )?\w+)*) - (.+)`)
	macroForm = regexp.MustCompile(`^#\s*define\s+(\w+)`)
	typeForm  = regexp.MustCompile(`^(?:typedef\b|(?:struct|enum|union)\b[^(]*\{)`)
	callForm  = regexp.MustCompile(`(\w+)\s*\(`)
	dataForm  = regexp.MustCompile(`(\w+)\s*(?:\[[^]]*\])?$`)
)

// parse reads a header. The error names every declaration without documentation, and every documented name that the
// header does not have.
func parse(text string) (*header, error) {
	h := &header{}
	var errs []error
	var latest *doc   // the last documentation
	var before string // the comment right before, "" when anything else came between
	var atTitle bool  // nothing came since the title
	macros := []string{}
	byName := map[string]*doc{}
	for _, p := range pieces(text) {
		previous, titled := before, atTitle
		before, atTitle = "", false
		switch p.kind {
		case directivePiece:
			before = previous // an #ifndef around a declaration
			if m := macroForm.FindStringSubmatch(p.text); m != nil {
				macros = append(macros, m[1])
			}
		case commentPiece:
			before = p.text
			if h.overview == "" {
				h.overview = p.text
			} else if m := titleForm.FindStringSubmatch(p.text); m != nil {
				h.sections = append(h.sections, &section{title: m[1]})
				before, atTitle = "", true
			} else if d := documentation(p.text); d != nil && len(h.sections) > 0 {
				latest = d
				for _, name := range d.names {
					byName[name] = d
				}
				s := h.sections[len(h.sections)-1]
				s.docs = append(s.docs, d)
			} else if titled {
				h.sections[len(h.sections)-1].intro = p.text
			}
		case codePiece:
			name, isType := declared(p.text)
			switch d := byName[name]; {
			case isType && previous == "":
				errs = append(errs, fmt.Errorf("line %d: %s has no documentation: put a comment before it", p.line, p.text))
			case isType && documentation(previous) == nil: // explained in a comment that is no page
			case isType:
				latest.code = append(latest.code, p.text)
			case d == nil:
				errs = append(errs, fmt.Errorf("line %d: %s has no documentation: put a comment before it that begins with %q",
					p.line, name, name+" - "))
			default:
				d.code = append(d.code, p.text)
			}
		}
	}
	for _, s := range h.sections {
		for _, d := range s.docs {
			for _, name := range d.names {
				if !slices.Contains(macros, name) && !slices.ContainsFunc(d.code, func(code string) bool { return has(code, name) }) {
					errs = append(errs, fmt.Errorf("%s is documented but not declared", name))
				}
			}
		}
		s.docs = slices.DeleteFunc(s.docs, func(d *doc) bool { return len(d.code) == 0 }) // of macros
	}
	return h, errors.Join(errs...)
}

// documentation takes a comment apart, or returns nil when it does not begin with names.
func documentation(comment string) *doc {
	first, rest, _ := strings.Cut(comment, "\n")
	m := docForm.FindStringSubmatch(first)
	if m == nil {
		return nil
	}
	names := strings.Split(m[1], ", ")
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "struct ")
	}
	summary := m[2]
	for !strings.HasSuffix(summary, ".") && rest != "" && !strings.HasPrefix(rest, "@") && !strings.HasPrefix(rest, "\n") {
		first, rest, _ = strings.Cut(rest, "\n")
		summary += " " + first
	}
	return &doc{names: names, summary: summary, text: rest}
}

// declared returns the name that a piece of code declares, and whether it is a type.
func declared(code string) (name string, isType bool) {
	if typeForm.MatchString(code) {
		return "", true
	}
	if m := callForm.FindStringSubmatch(code); m != nil {
		return m[1], false
	}
	if m := dataForm.FindStringSubmatch(code); m != nil {
		return m[1], false
	}
	return code, false
}

func has(code, word string) bool {
	return regexp.MustCompile(`\b` + word + `\b`).MatchString(code)
}
