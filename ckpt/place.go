package ckpt

import (
	"strconv"
	"strings"
)

// Place reads "DIR" or "DIR:N", where N is a number from 1 on; generation is 0 without one. Anything else behind the last colon belongs to the
// directory, and one whose name looks like this is written with a slash behind it.
func Place(text string) (dir string, generation uint64) {
	colon := strings.LastIndexByte(text, ':')
	if colon <= 0 {
		return text, 0
	}
	n, err := strconv.ParseUint(text[colon+1:], 10, 64)
	if err != nil || n == 0 {
		return text, 0
	}
	return text[:colon], n
}
