package main

import (
	"regexp"
	"strings"
)

// A prose writes the text of comments as man(7) source.
type prose struct {
	bold *regexp.Regexp // the declared names
}

var (
	parameter   = regexp.MustCompile(`@(\w+)`)
	itemForm    = regexp.MustCompile(`^(- |@)`)
	nextForm    = regexp.MustCompile(`(\. )(@\w+(?:,\s+@\w+)*: )`) // a parameter behind the end of another's
	markForm    = regexp.MustCompile(`(?:^| )(Threads|Fatal): `)
	beforeMinus = regexp.MustCompile(`(^|[\s("'\[<=])-`)
)

// escape protects what man(7) would read as its own.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`, "'", `\(aq`).Replace(text)
	return beforeMinus.ReplaceAllString(text, `$1\-`)
}

// inline sets names that the header declares in bold and @parameters in italics.
func (p prose) inline(text string) string {
	text = escape(text)
	if p.bold != nil {
		text = p.bold.ReplaceAllString(text, `\fB$1\fR`)
	}
	return filled(parameter.ReplaceAllString(text, `\fI$1\fR`))
}

// filled breaks a text into lines that are short enough for any tool.
func filled(text string) string {
	const most = 78
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > most {
			lines = append(lines, guarded(line))
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, guarded(line)), "\n")
}

// guarded protects a line that would begin with a request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// paragraphs writes paragraphs apart by empty lines, items that begin with a dash, and parameters that begin with @.
func (p prose) paragraphs(text string) string {
	var b strings.Builder
	for _, lines := range blocks(text) {
		item := false
		for _, entry := range entries(lines) {
			switch {
			case strings.HasPrefix(entry, "- "):
				b.WriteString(".IP \\(bu 2\n" + p.inline(entry[2:]) + "\n")
				item = true
			case strings.HasPrefix(entry, "@") && parameterEntry(entry):
				names, what, _ := strings.Cut(entry, ": ")
				b.WriteString(".TP\n" + p.inline(names) + "\n" + p.inline(what) + "\n")
				item = true
			default:
				if item || b.Len() > 0 {
					b.WriteString(".PP\n")
				}
				b.WriteString(p.inline(entry) + "\n")
				item = false
			}
		}
	}
	return b.String()
}

// parameterEntry tells "@a, @b: what they are" from a sentence that begins with a parameter.
func parameterEntry(entry string) bool {
	names, _, found := strings.Cut(entry, ": ")
	return found && !strings.ContainsFunc(names, func(r rune) bool { return strings.ContainsRune(".;()", r) }) &&
		len(strings.Fields(names)) == strings.Count(names, "@")
}

// blocks splits at empty lines, and gives each parameter a line of its own. Lines keep their indentation.
func blocks(text string) [][]string {
	text = nextForm.ReplaceAllString(text, ".\n$2")
	var all [][]string
	var block []string
	for _, line := range append(strings.Split(text, "\n"), "") {
		if strings.TrimSpace(line) != "" {
			block = append(block, line)
		} else if block != nil {
			all, block = append(all, block), nil
		}
	}
	return all
}

// entries joins the lines of a block to paragraphs. An item goes on while lines are indented more than its dash, a
// parameter until a line that ends a sentence.
func entries(lines []string) []string {
	var all []string
	open := false // whether the next line may continue the last entry
	dash := -1    // where the dash of the item is, if the last entry is one
	for _, line := range lines {
		text := strings.TrimSpace(line)
		indent := strings.Index(line, text)
		inNames := open && strings.HasPrefix(all[len(all)-1], "@") && !strings.Contains(all[len(all)-1], ": ")
		if inNames || open && indent > dash && !itemForm.MatchString(text) {
			all[len(all)-1] += " " + text
		} else {
			all = append(all, text)
			dash = -1
			if strings.HasPrefix(text, "- ") {
				dash = indent
			}
		}
		last := all[len(all)-1]
		open = !strings.HasPrefix(last, "@") || !parameterEntry(last) || !strings.HasSuffix(text, ".")
	}
	return all
}

// marked takes the sentences after "Threads:" and "Fatal:" out of a text. They end at the next of these marks or with
// the paragraph.
func marked(text string) (rest, threads, fatal string) {
	var kept []string
	for _, block := range blocks(text) {
		var paragraphs []string
		for _, entry := range entries(block) {
			marks := markForm.FindAllStringSubmatchIndex(entry, -1)
			end := len(entry)
			for i := len(marks) - 1; i >= 0; i-- {
				m := marks[i]
				what := strings.TrimSpace(entry[m[1]:end])
				if entry[m[2]:m[3]] == "Threads" {
					threads = sentence(what)
				} else {
					fatal = sentence(what)
				}
				end = m[0]
			}
			if before := strings.TrimSpace(entry[:end]); before != "" {
				paragraphs = append(paragraphs, before)
			}
		}
		if len(paragraphs) > 0 {
			kept = append(kept, strings.Join(paragraphs, "\n\n"))
		}
	}
	return strings.Join(kept, "\n\n"), threads, fatal
}

// sentence gives a text a capital letter, unless it begins with a name.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if text == "" || strings.ContainsAny(first, "_@(") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
