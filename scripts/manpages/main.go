// Command manpages writes the manual pages: one in section 3 for each documented group of declarations in include/jia.h,
// and jia(7) from the header's first comment.
//
//	manpages -out build/man -version 3.0.0 [-header include/jia.h]
//
// It fails when a declaration has no documentation: a comment somewhere before it of the form
//
//	name, name - summary, to the first full stop at the end of a line.
//	@parameter: what it is, to the end of a line with a full stop, or to the next parameter.
//	Text, in paragraphs apart by empty lines. "Threads: " and "Fatal: ", at the beginning of a sentence, begin what goes
//	into sections of their own, to the end of the paragraph.
//
// The comment right after the title of a section, "---- Title ----", goes into each page of the section. Types may also stand
// behind a comment without names; they then have no page.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	out := flag.String("out", "", "write man1, man3 and man7 into this folder")
	version := flag.String("version", "", "the version in the footer")
	header := flag.String("header", "include/jia.h", "the header to read")
	flag.Parse()
	if *out == "" || *version == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, *version, *header); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

// write makes every page, in the place of those of an earlier run.
func write(out, version, header string) error {
	text, err := os.ReadFile(header)
	if err != nil {
		return err
	}
	h, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", header, err)
	}
	date, err := dateOf(header)
	if err != nil {
		return err
	}
	pages, links := render(h, version, date)
	for _, section := range []string{"man3", "man7"} {
		if err := os.RemoveAll(filepath.Join(out, section)); err != nil {
			return err
		}
	}
	for name, page := range pages {
		path := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			return err
		}
	}
	for name, page := range links {
		if err := os.Symlink(page, filepath.Join(out, name)); err != nil {
			return err
		}
	}
	return nil
}

// dateOf returns the date for the pages: that of a reproducible build, or else of the last change to the file.
func dateOf(file string) (string, error) {
	var at time.Time
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		at = time.Unix(seconds, 0)
	} else {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		at = info.ModTime()
	}
	return at.UTC().Format(time.DateOnly), nil
}
