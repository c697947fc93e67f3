package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// devices is the number of RDMA devices, and of the hosts of most jobs.
func devices() (n int) {
	for _, m := range machines {
		if !m.plain {
			n++
		}
	}
	return n
}

// emulated are the settings of test binaries in here: an eighth of the repetitions and megabytes, as much patience as it takes, and
// -test.short for few jobs in the search for leaks.
var emulated = []string{"JIA_TEST_PART=8", "JIA_TEST_SLOWNESS=10"}

// The suite of every transport, and what else the RDMA packages test, on real devices.
func TestConformance(t *testing.T) {
	for _, pkg := range testPackages {
		t.Run(filepath.Base(pkg), func(t *testing.T) {
			cmd := exec.Command(filepath.Join(built, filepath.Base(pkg)+".test"), "-test.v", "-test.short", "-test.timeout=15m")
			cmd.Dir, cmd.Env = pkg, append(os.Environ(), emulated...)
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if skipped := regexp.MustCompile(`(?m)^ *--- SKIP.*\n.*`).FindAllString(string(text), -1); skipped != nil {
				t.Errorf("skipped where nothing is missing:\n%s", strings.Join(skipped, "\n"))
			}
			t.Logf("%d tests\n%s", strings.Count(string(text), "--- PASS"),
				strings.Join(regexp.MustCompile(`(?m)^ *--- PASS.* \(\d{2,}\..*`).FindAllString(string(text), -1), "\n")) // the long ones
		})
	}
}

// examples are programs that check their own answers, with arguments that keep them short.
var examples = map[string][]string{
	"hello":     {"20"},
	"pi":        {"1"},
	"ep":        {"14"},
	"is":        {"14"},
	"mm":        {"64"},
	"lu":        {"64"},
	"sor":       {"30", "31", "10"},
	"jacobi":    {"40", "10"},
	"tsp":       {"8"},
	"water":     {"27", "2"},
	"hybrid":    {"12", "2"},
	"transpose": {"96", "6"},
	"words":     {"5000"},

	"resume_jacobi": {"40", "10"},
	"resume_queue":  {"60", "20"},
}

// seconds are what a program prints about its time, which differs.
var seconds = regexp.MustCompile(`, [0-9.]+ s\n`)

func TestExamples(t *testing.T) {
	for name, args := range examples {
		t.Run(name, func(t *testing.T) {
			answers := make([]string, len(transports))
			for i, comm := range transports {
				stdout := job{program: name, args: args, hosts: devices(), comm: comm}.run(t).good()
				if !strings.Contains(stdout, ": ok, ") {
					t.Errorf("%s over %s did not say ok:\n%s", name, comm, stdout)
				}
				if answers[i] = seconds.ReplaceAllString(stdout, "\n"); answers[i] != answers[0] {
					t.Errorf("%s says over %s:\n%sand over %s:\n%s", name, transports[0], answers[0], comm, answers[i])
				}
			}
		})
	}
}

// One program for each transport: emulated, it takes ten seconds. The thousands are run elsewhere.
func TestRandomProgram(t *testing.T) {
	const seed = 20 // a short one, with all parts of the program in it
	for _, comm := range transports {
		t.Run(comm, func(t *testing.T) {
			stdout := job{program: "random", args: []string{fmt.Sprint(seed)}, hosts: devices(), comm: comm}.run(t).good()
			if want := fmt.Sprintf("random: seed %d, %d host(s)", seed, devices()); !strings.Contains(stdout, want) {
				t.Errorf("did not print %q:\n%s", want, stdout)
			}
		})
	}
}
