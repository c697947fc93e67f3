package main

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// command renders the page of a command from its package comment, which begins "Command NAME does this."
func command(dir, version, date string) (string, error) {
	name := filepath.Base(dir)
	text, err := packageComment(dir)
	if err != nil {
		return "", err
	}
	prefix := "Command " + name + " "
	if !strings.HasPrefix(text, prefix) {
		return "", fmt.Errorf("%s: its package comment does not begin with %q", dir, prefix)
	}
	text = strings.TrimPrefix(text, prefix)
	summary, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	m := manual{version: version, date: date}
	var b strings.Builder
	b.WriteString(m.top(name, 1))
	fmt.Fprintf(&b, "%s \\- %s\n.SH DESCRIPTION\n.B %s\n", name, escape(strings.TrimSuffix(summary, ".")), name)
	for i, block := range new(comment.Parser).Parse(text).Content {
		switch block := block.(type) {
		case *comment.Heading:
			b.WriteString(".SH " + strings.ToUpper(escape(plain(block.Text))) + "\n")
		case *comment.Code:
			b.WriteString(".PP\n.nf\n.RS 4\n")
			for _, line := range strings.Split(strings.TrimRight(block.Text, "\n"), "\n") {
				b.WriteString(guarded(escape(line)) + "\n")
			}
			b.WriteString(".RE\n.fi\n")
		case *comment.List:
			for _, item := range block.Items {
				b.WriteString(".IP \\(bu 2\n")
				for _, content := range item.Content {
					if p, ok := content.(*comment.Paragraph); ok {
						b.WriteString(m.inline(plain(p.Text)) + "\n")
					}
				}
			}
		case *comment.Paragraph:
			if i > 0 {
				b.WriteString(".PP\n")
			}
			b.WriteString(m.inline(plain(block.Text)) + "\n")
		}
	}
	b.WriteString(".SH SEE ALSO\n.BR jia (7)\n")
	return b.String(), nil
}

// packageComment returns the comment before the package clause of whichever file has one.
func packageComment(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return "", err
		}
		if parsed.Doc != nil {
			return (&ast.CommentGroup{List: parsed.Doc.List}).Text(), nil
		}
	}
	return "", fmt.Errorf("%s: no package comment", dir)
}

// plain is the text of a paragraph or heading without its links.
func plain(texts []comment.Text) string {
	var b strings.Builder
	for _, text := range texts {
		switch text := text.(type) {
		case comment.Plain:
			b.WriteString(string(text))
		case comment.Italic:
			b.WriteString(string(text))
		case *comment.Link:
			b.WriteString(plain(text.Text))
		case *comment.DocLink:
			b.WriteString(plain(text.Text))
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
