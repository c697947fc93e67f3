package ckpt_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

// The document's example is what the code writes, byte by byte. Who changes the format changes ckpt.Version.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../docs/checkpoint-format.md")
	must(t, err)
	disk := &ckpttest.Disk{}
	s := ckpt.OpenFS(disk)
	job := ckpt.JobID{0xc0, 0xff, 0xee, 15: 1}
	w, err := s.CreatePart(ckpt.PartInfo{Job: job, Generation: 7, Host: 0, Hosts: 1, PageSize: 8})
	must(t, err)
	must(t, w.Zero(2, 3))
	must(t, w.Pages(5, []byte("contents")))
	must(t, w.Section("x", []byte("hi")))
	part, err := w.Close()
	must(t, err)
	must(t, s.Commit(&ckpt.Manifest{Job: job, Generation: 7, Hosts: 1, PageSize: 8, Time: time.Unix(1790000000, 0).UTC(), Parts: []ckpt.Part{part}}))
	files := disk.Files()
	for name, example := range map[string]string{
		"jia-ckpt-7-c0ffee00-0.part": hex.Dump(files["jia-ckpt-7-c0ffee00-0.part"]),
		"jia-ckpt-7.manifest":        string(files["jia-ckpt-7.manifest"]),
	} {
		if files[name] == nil || !strings.Contains(string(text), "```\n"+example+"```\n") {
			t.Errorf("docs/checkpoint-format.md does not have %s:\n%s", name, example)
		}
	}
}
