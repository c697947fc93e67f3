package ckpt_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"jiajia/ckpt"
)

// A directory belongs to one store at a time, whatever stands in its place.
func TestClaim(t *testing.T) {
	dir := t.TempDir() + "/x"
	one, other := ckpt.Open(dir), ckpt.Open(dir+"/.")
	refused := func(when string) {
		t.Helper()
		if err := other.Claim(); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another job") {
			t.Errorf("%s: %v", when, err)
		}
	}
	must(t, one.Claim())
	refused("claimed")
	must(t, one.Claim())
	refused("claimed again")
	must(t, os.Rename(dir, dir+"-away"))
	must(t, one.Claim())
	refused("claimed in another place")
	one.Release()
	one.Release()
	must(t, other.Claim())
	if err := one.Claim(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("claimed by the other: %v", err)
	}
	other.Release()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Error(files, err)
	}
}
