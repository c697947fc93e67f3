package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"jiajia/core/conf"
)

// A manual renders pages that share names and footer.
type manual struct {
	prose
	version, date string
}

// render returns every page of a header by its path, such as man3/jia_lock.3, and the further names of pages: links by
// their path, with the name of the page beside them.
func render(h *header, version, date string) (pages, links map[string]string) {
	var names []string
	for _, s := range h.sections {
		for _, d := range s.docs {
			names = append(names, d.names...)
		}
	}
	m := manual{version: version, date: date}
	if len(names) > 0 {
		// The longest first: jia_alloc is the beginning of others.
		slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
		m.bold = regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)\b`)
	}
	pages, links = map[string]string{"man7/jia.7": m.overview(h)}, map[string]string{}
	for _, s := range h.sections {
		for _, d := range s.docs {
			pages[pageName(d.names[0])] = m.page(s, d)
			for _, other := range d.names[1:] {
				links[pageName(other)] = path.Base(pageName(d.names[0]))
			}
		}
	}
	return pages, links
}

func pageName(name string) string { return "man3/" + name + ".3" }

// top begins a page.
func (m manual) top(title string, section int) string {
	return fmt.Sprintf(".TH %s %d %s \"JIAJIA %s\" \"JIAJIA shared memory\"\n.SH NAME\n", strings.ToUpper(title), section, m.date, m.version)
}

const library = ".SH LIBRARY\nJIAJIA shared memory\n.RI ( libjia ,\n.IR \\-ljia )\n"

func (m manual) page(s *section, d *doc) string {
	var b strings.Builder
	b.WriteString(m.top(d.names[0], 3))
	summary, _, _ := strings.Cut(strings.TrimSuffix(d.summary, "."), ";")
	summary = strings.ReplaceAll(summary, "@", "")
	fmt.Fprintf(&b, "%s \\- %s\n", strings.Join(d.names, ", "), escape(summary))
	b.WriteString(library)
	b.WriteString(".SH SYNOPSIS\n.nf\n.B #include <jia.h>\n.PP\n")
	for _, code := range d.code {
		b.WriteString(synopsis(code) + "\n")
	}
	b.WriteString(".fi\n")

	rest, threads, fatal := marked(d.text)
	intro, commonThreads, commonFatal := marked(s.intro)
	b.WriteString(".SH DESCRIPTION\n")
	b.WriteString(m.paragraphs(sentence(d.summary) + "\n\n" + rest))
	if intro != "" {
		// It begins with a line of its own, as in "Common to all allocations below:".
		title, text, found := strings.Cut(intro, "\n\n")
		if !found || !strings.HasSuffix(title, ":") {
			title, text = s.title, intro
		}
		b.WriteString(".SS " + escape(strings.TrimSuffix(strings.TrimSuffix(title, ":"), " below")) + "\n" + m.paragraphs(text))
	}
	for _, part := range []struct{ title, own, common string }{
		{"THREADS", threads, commonThreads}, {"FATAL ERRORS", fatal, commonFatal},
	} {
		if part.own != "" || part.common != "" {
			b.WriteString(".SH " + part.title + "\n")
			b.WriteString(m.paragraphs(part.own + "\n\n" + part.common))
		}
	}
	b.WriteString(".SH SEE ALSO\n")
	for _, other := range s.docs {
		if other != d {
			fmt.Fprintf(&b, ".BR %s (3),\n", other.names[0])
		}
	}
	b.WriteString(".BR jia (7)\n")
	return b.String()
}

var (
	argument = regexp.MustCompile(`(\w+)(\[\])?(,|\))`)
	tail     = regexp.MustCompile(`\)[^)]*$`)
)

// synopsis writes a declaration with its parameters in italics.
func synopsis(code string) string {
	if typeForm.MatchString(code) {
		lines := strings.Split(strings.ReplaceAll(code, "\t", "    ")+";", "\n")
		for i, line := range lines {
			lines[i] = `\fB` + escape(line) + `\fR`
		}
		return strings.Join(lines, "\n")
	}
	code = strings.Join(strings.Fields(strings.TrimPrefix(code, "extern ")), " ")
	if at := strings.IndexByte(code, '('); at >= 0 {
		code = tail.ReplaceAllString(code, ")") // no attributes
		arguments := code[at:]
		if arguments != "(void)" {
			arguments = argument.ReplaceAllString(arguments, `\fI$1\fB$2$3`)
		}
		code = code[:at] + arguments
	}
	return `\fB` + code + `;\fR`
}

// overview is jia(7): the header's first comment, and what the sections have.
func (m manual) overview(h *header) string {
	var b strings.Builder
	b.WriteString(m.top("jia", 7))
	first, rest, _ := strings.Cut(h.overview, "\n")
	_, summary, _ := strings.Cut(first, " - ")
	fmt.Fprintf(&b, "jia \\- %s\n", escape(strings.TrimSuffix(summary, ".")))
	b.WriteString(library + ".SH SYNOPSIS\n.nf\n.B #include <jia.h>\n.PP\n.B cc program.c \\-ljia\n.B JIA_NPROC=4 ./a.out\n.fi\n")
	b.WriteString(".SH DESCRIPTION\n")
	for _, part := range parts(rest) {
		if part.title != "" {
			b.WriteString(".SH " + strings.ToUpper(escape(part.title)) + "\n")
		}
		b.WriteString(m.paragraphs(part.text))
	}
	b.WriteString(".SH CALLS\n")
	for _, s := range h.sections {
		if len(s.docs) == 0 {
			continue
		}
		b.WriteString(".SS " + escape(s.title) + "\n")
		for _, d := range s.docs {
			refs := make([]string, len(d.names))
			for i, name := range d.names {
				refs[i] = `\fB` + name + `\fR(3)`
			}
			fmt.Fprintf(&b, ".TP\n%s\n%s\n", strings.Join(refs, ", "), m.inline(sentence(d.summary)))
		}
	}
	b.WriteString(".SS Macros\n" + m.inline("The header has the macros of the Argonne National Laboratory (ANL) too, which the "+
		"SPLASH programs use. Its comments say what each does.") + "\n")
	b.WriteString(m.settings())
	return b.String()
}

// settings is the part of jia(7) about what a user can set.
func (m manual) settings() string {
	var b strings.Builder
	b.WriteString(".SH ENVIRONMENT\n")
	for _, s := range conf.Table {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", escape(s.Env), m.inline(sentence(s.Meaning)+". Value: "+s.Type+". Default: "+s.Default+s.Unset+"."))
	}
	fmt.Fprintf(&b, ".SH FILES\n.TP\n.I %s\n%s\n.TP\n.I %s\n%s\n", conf.HostsFile,
		m.inline("In the working directory: a line for each machine of the job, such as \"node2 alice slots=4\", the one where it is started first."),
		conf.ConfFile, m.inline("In the working directory: settings in the form \"key = value\". A key is the name of a variable without JIA_, "+
			"in lower case. The environment comes before it. docs/configuration.md has the details."))
	b.WriteString(".SH SEE ALSO\n.BR jia\\-info (1)\n")
	return b.String()
}

type part struct{ title, text string }

// parts splits the overview at its headings: lines at the margin with an empty line on both sides, and no full stop.
func parts(text string) []part {
	all := []part{{}}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		alone := i > 0 && lines[i-1] == "" && i+1 < len(lines) && lines[i+1] == ""
		if alone && line != "" && line[0] != ' ' && !strings.HasSuffix(line, ".") {
			all = append(all, part{title: line})
			continue
		}
		all[len(all)-1].text += line + "\n"
	}
	return all
}
