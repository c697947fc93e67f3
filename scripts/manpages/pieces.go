package main

import "strings"

type pieceKind int

const (
	commentPiece   pieceKind = iota // without the stars that frame it
	directivePiece                  // of the preprocessor, with its continuation lines
	codePiece                       // one declaration, without the semicolon
)

type piece struct {
	kind pieceKind
	text string
	line int // where it begins
}

// pieces splits a header. What is for C++ only is left out.
func pieces(text string) []piece {
	var all []piece
	cplusplus := 0 // depth of #if inside #ifdef __cplusplus, counting it
	for at := 0; at < len(text); {
		rest := text[at:]
		line := 1 + strings.Count(text[:at], "\n")
		var length int
		switch {
		case strings.HasPrefix(rest, "/*"):
			length = commentLength(rest)
			if cplusplus == 0 {
				all = append(all, piece{commentPiece, unframed(rest[:length]), line})
			}
		case rest[0] == '#':
			length = directiveLength(rest)
			directive := strings.TrimSpace(rest[:length])
			switch {
			case directive == "#ifdef __cplusplus", cplusplus > 0 && strings.HasPrefix(directive, "#if"):
				cplusplus++
			case cplusplus > 0 && strings.HasPrefix(directive, "#endif"):
				cplusplus--
			case cplusplus == 0:
				all = append(all, piece{directivePiece, directive, line})
			}
		case strings.ContainsRune(" \t\r\n;", rune(rest[0])):
			length = 1
		case cplusplus > 0:
			length = 1
		default:
			length = codeLength(rest)
			all = append(all, piece{codePiece, strings.TrimSpace(rest[:length]), line})
		}
		at += length
	}
	return all
}

// commentLength includes the ends.
func commentLength(text string) int {
	if end := strings.Index(text[2:], "*/"); end >= 0 {
		return 2 + end + 2
	}
	return len(text)
}

// unframed removes the stars of a comment and the one blank behind each.
func unframed(comment string) string {
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(comment, "/*"), "*/"), "\n")
	for i, line := range lines {
		if i > 0 {
			line = strings.TrimPrefix(strings.TrimLeft(line, " \t"), "*")
		}
		lines[i] = strings.TrimRight(strings.TrimPrefix(line, " "), " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func directiveLength(text string) int {
	for at := 0; ; {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return len(text)
		}
		at += end + 1
		if at < 2 || text[at-2] != '\\' {
			return at
		}
	}
}

// codeLength finds the semicolon that ends a declaration: the first outside braces and comments. A directive ends it too.
func codeLength(text string) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			at += commentLength(text[at:]) - 1
		case text[at] == '{':
			depth++
		case text[at] == '}':
			depth--
		case text[at] == ';' && depth == 0:
			return at
		case text[at] == '\n' && depth == 0 && strings.HasPrefix(text[at+1:], "#"):
			return at
		}
	}
	return len(text)
}
