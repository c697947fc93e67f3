package conf_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jiajia/core/conf"
)

// A variable that the library reads is either a setting, which users find in the documentation, or internal; otherwise
// Unknown would call it a mistake.
func TestEveryVariableIsListed(t *testing.T) {
	known := slices.Clone(conf.Internal)
	for _, row := range conf.Table {
		known = append(known, row.Env)
	}
	const module = "../.."
	quoted := regexp.MustCompile(`"(JIA_[A-Z_]+)"`)
	seen := 0
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below := strings.Split(strings.TrimPrefix(path, module+"/"), "/")
		if d.IsDir() && (below[0] == "build" || below[0] == ".git" || below[0] == "tests") {
			return fs.SkipDir
		}
		if kind := filepath.Ext(path); kind != ".go" && kind != ".c" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range quoted.FindAllSubmatch(source, -1) {
			seen++
			if !slices.Contains(known, string(match[1])) {
				t.Errorf("%s: %s is in neither Table nor Internal of core/conf/conf.go", path, match[1])
			}
		}
		return err
	})
	if err != nil || seen < len(conf.Table) {
		t.Fatalf("%d names found, error %v", seen, err)
	}
}
