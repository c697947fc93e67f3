package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

const small = `/*
 * small.h - a header.
 *
 * Heading
 *
 *   - An item that
 *     goes on.
 *   And text.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* ---- Calls ---- */

/*
 * Common to all below:
 *
 * They block. Threads: none.
 */

/*
 * one, two - do
 * something with @n things; or not.
 * @n: how many. At most 3. @fmt,
 * @more: as for printf.
 * Blocks -1 times. Threads: any. Fatal: an @n of 0.
 */
void one(int n);
int two(const char *fmt, ...) ATTRIBUTE;

/* state - what they work on. */
struct state {
	int first; /* of all; really */
};
#ifndef other
extern int state[2];
#endif

/* An array. */
struct free { int x; };

/* SIZE - no page for a macro. */
#define SIZE 4

#ifdef __cplusplus
}
#endif
`

func TestParse(t *testing.T) {
	h, err := parse(small)
	if err != nil {
		t.Fatal(err)
	}
	want := []*section{{
		title: "Calls",
		intro: "Common to all below:\n\nThey block. Threads: none.",
		docs: []*doc{
			{[]string{"one", "two"}, "do something with @n things; or not.",
				"@n: how many. At most 3. @fmt,\n@more: as for printf.\nBlocks -1 times. Threads: any. Fatal: an @n of 0.",
				[]string{"void one(int n)", "int two(const char *fmt, ...) ATTRIBUTE"}},
			{[]string{"state"}, "what they work on.", "",
				[]string{"struct state {\n\tint first; /* of all; really */\n}", "extern int state[2]"}},
		},
	}}
	if diff := cmp.Diff(want, h.sections, cmp.AllowUnexported(section{}, doc{})); diff != "" {
		t.Error(diff)
	}
}

func TestUndocumented(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"nothing":     {"void lost(void);", "line 3: lost has no documentation"},
		"variable":    {"extern int lost;", "line 3: lost has no documentation"},
		"other name":  {"/* found - it. */\nvoid found(void);\nvoid lost(int n);", "line 5: lost has no documentation"},
		"free text":   {"/* Something. */\nvoid lost(void);", "line 4: lost has no documentation"},
		"type":        {"struct lost { int x; };", "line 3: struct lost"},
		"no such one": {"/* found - it. */", "found is documented but not declared"},
		"another":     {"/* found, lost - it. */\nvoid found(void);", "lost is documented but not declared"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse("/* top */\n/* ---- Calls ---- */\n" + test.text + "\n")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestPage(t *testing.T) {
	h, err := parse(small)
	if err != nil {
		t.Fatal(err)
	}
	pages, links := render(h, "1.2.3", "2001-02-03")
	want := `.TH ONE 3 2001-02-03 "JIAJIA 1.2.3" "JIAJIA shared memory"
.SH NAME
one, two \- do something with n things
` + library + `.SH SYNOPSIS
.nf
.B #include <jia.h>
.PP
\fBvoid one(int \fIn\fB);\fR
\fBint two(const char *\fIfmt\fB, ...);\fR
.fi
.SH DESCRIPTION
Do something with \fIn\fR things; or not.
.TP
\fIn\fR
how many. At most 3.
.TP
\fIfmt\fR, \fImore\fR
as for printf.
.PP
Blocks \-1 times.
.SS Common to all
They block.
.SH THREADS
Any.
.PP
None.
.SH FATAL ERRORS
An \fIn\fR of 0.
.SH SEE ALSO
.BR state (3),
.BR jia (7)
`
	if diff := cmp.Diff(want, pages["man3/one.3"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"man3/two.3": "one.3"}, links); diff != "" {
		t.Error(diff)
	}
	if want := ".SH HEADING\n.IP \\(bu 2\nAn item that goes on.\n.PP\nAnd text.\n"; !strings.Contains(pages["man7/jia.7"], want) {
		t.Errorf("jia(7) lacks\n%s\nin\n%s", want, pages["man7/jia.7"])
	}
	for _, setting := range conf.Table {
		if !strings.Contains(pages["man7/jia.7"], "\n.B "+setting.Env+"\n") {
			t.Errorf("jia(7) lacks %s", setting.Env)
		}
	}
}
