package conf_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

var rewriteFlag = flag.Bool("rewrite", false, "write docs/configuration.md instead of comparing it")

// TestDocumentation: docs/configuration.md is what the template and the tables make.
func TestDocumentation(t *testing.T) {
	const document = "../../docs/configuration.md"
	page, err := template.ParseFiles("configuration.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	err = page.Execute(&want, map[string]any{
		"Table": conf.Table, "Legacy": conf.Legacy, "ConfFile": conf.ConfFile, "HostsFile": conf.HostsFile,
		"MaxLocalHosts": conf.MaxLocalHosts, "MaxHosts": conf.MaxHosts,
	})
	if err != nil {
		t.Fatal(err)
	}
	if *rewriteFlag {
		if err := os.WriteFile(document, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("%s is stale; go test ./core/conf -run TestDocumentation -rewrite writes it anew:\n%s", document, diff)
	}
}

// The examples of the documentation can be used as they are.
func TestExamplesOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("configuration.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	example := func(kind string) []byte {
		match := regexp.MustCompile("(?s)```" + kind + "\n(.*?)```").FindSubmatch(text)
		if match == nil {
			t.Fatalf("no example of kind %s", kind)
		}
		return match[1]
	}
	want := defaults()
	want.RegionSize, want.Network, want.TagOutput, want.Stats = 64<<30, "10.1.0.0/16", true, "run.json"
	want.Export = []string{"LD_LIBRARY_PATH", "OMP_NUM_THREADS"}
	got, warnings, err := conf.LoadFile(environment(), "f", example("jiaconf"))
	if diff := cmp.Diff(want, got); err != nil || warnings != nil || diff != "" {
		t.Errorf("%v, %q, %s", err, warnings, diff)
	}
	hosts, warnings, err := conf.ParseHosts("f", example("jiahosts"))
	if err != nil || warnings != nil || conf.Places(hosts) != 11 {
		t.Errorf("%v, %q, %+v", err, warnings, hosts)
	}
}
