package lru

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var record = flag.Bool("record", false, "record the traces of the example programs anew")

// An access is twice the number of a page, plus 1 for a store.
type access uint64

func (a access) page() uint64 { return uint64(a) >> 1 }
func (a access) store() bool  { return a&1 != 0 }

// trace is what a program comes to, in order.
type trace struct {
	name     string
	accesses []access
	cache    int // pages of the cache that it is replayed with
}

// pages returns one more than the highest page number.
func (t *trace) pages() int {
	top := uint64(0)
	for _, a := range t.accesses {
		top = max(top, a.page())
	}
	return int(top) + 1
}

// distinct returns how many pages t comes to.
func (t *trace) distinct() int {
	seen, n := make([]bool, t.pages()), 0
	for _, a := range t.accesses {
		if !seen[a.page()] {
			seen[a.page()] = true
			n++
		}
	}
	return n
}

const drawn = 1024 // pages of the cache for traces that are drawn

// drawnTraces are those of a generator. A quarter of the accesses are stores.
func drawnTraces() []*trace {
	r := rand.New(rand.NewPCG(1, 2))
	scatter := r.Perm(4 * drawn) // so that pages that are used often are no neighbours
	mixed := func(page int) access {
		a := access(page) << 1
		if r.IntN(4) == 0 {
			a |= 1
		}
		return a
	}
	draw := func(name string, n int, page func(i int) int) *trace {
		t := &trace{name: name, cache: drawn}
		for i := range n {
			t.accesses = append(t.accesses, mixed(page(i)))
		}
		return t
	}
	zipf := func(s float64) func(int) int {
		weights := newZipf(4*drawn, s)
		return func(int) int { return scatter[weights.draw(r)] }
	}
	return []*trace{
		draw("uniform, 4 x the cache", 100000, func(int) int { return r.IntN(4 * drawn) }),
		draw("Zipf 0.8, 4 x the cache", 100000, zipf(0.8)),
		draw("Zipf 1.0, 4 x the cache", 100000, zipf(1.0)),
		draw("Zipf 1.2, 4 x the cache", 100000, zipf(1.2)),
		// Every second access goes on with a scan of 16 x the cache, the others go to pages for which half of it would do.
		draw("scan + hot set", 100000, func(i int) int {
			if i%2 == 0 {
				return drawn/2 + i/2%(16*drawn)
			}
			return r.IntN(drawn / 2)
		}),
		// A hot set, then a scan without it, in turns.
		draw("hot set, then a scan", 100000, func(i int) int {
			if i%8192 < 2*drawn {
				return drawn/2 + i%8192 + i/8192%4*2*drawn
			}
			return r.IntN(drawn / 2)
		}),
		draw("loop, 1.25 x the cache", 100000, func(i int) int { return i % (5 * drawn / 4) }),
		draw("loop, 4 x the cache", 100000, func(i int) int { return i % (4 * drawn) }),
		// The hot set moves on.
		draw("moving hot set", 100000, func(i int) int { return (i/20000*drawn/2 + r.IntN(3*drawn/4)) % (4 * drawn) }),
	}
}

// zipf draws rank k, from 0, with probability proportional to 1/(k+1)^s, also for s up to 1.
type zipf struct{ sums []float64 }

func newZipf(n int, s float64) *zipf {
	z := &zipf{make([]float64, n)}
	sum := 0.0
	for k := range z.sums {
		sum += 1 / math.Pow(float64(k+1), s)
		z.sums[k] = sum
	}
	return z
}

func (z *zipf) draw(r *rand.Rand) int {
	x := r.Float64() * z.sums[len(z.sums)-1]
	lo, hi := 0, len(z.sums)-1
	for lo < hi {
		if mid := (lo + hi) / 2; z.sums[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// recorded names the examples whose traces are in testdata, with the arguments that they were run with.
var recorded = []struct {
	program string
	args    []string
}{
	{"sor", []string{"254", "255", "6"}},
	{"jacobi", []string{"510", "5"}},
	{"lu", []string{"512"}},
	{"mm", []string{"256"}},
	{"water", []string{"4096", "1"}},
	{"is", []string{"16"}},
}

// recordedTraces are those of the example programs, replayed with a quarter of the pages that they use and with three
// quarters.
func recordedTraces(t testing.TB) []*trace {
	var traces []*trace
	for _, p := range recorded {
		file := filepath.Join("testdata", p.program+".trace")
		if *record {
			if err := recordTrace(t.TempDir(), p.program, p.args, file); err != nil {
				t.Fatal(err)
			}
		}
		accesses, err := loadTrace(file)
		if err != nil {
			t.Fatal(err)
		}
		tr := &trace{accesses: accesses}
		n := tr.distinct()
		traces = append(traces,
			&trace{p.program + ", 4 x the cache", accesses, n / 4},
			&trace{p.program + ", 1.33 x the cache", accesses, 3 * n / 4})
	}
	return traces
}

// recordTrace runs an example with testdata/record.c in place of the library.
func recordTrace(dir, program string, args []string, file string) error {
	binary := filepath.Join(dir, program)
	cc := exec.Command("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I../include", "../c_examples/"+program+".c", "testdata/record.c", "-lm", "-o", binary)
	if out, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("build the recorder of %s: %w\n%s", program, err, out)
	}
	raw := filepath.Join(dir, "raw")
	run := exec.Command(binary, args...)
	run.Env = append(os.Environ(), "TRACE="+raw)
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("record %s: %w\n%s", program, err, out)
	}
	data, err := os.ReadFile(raw)
	if err != nil {
		return err
	}
	return storeTrace(file, data)
}

// The recorder still does for the examples what the library does, and sees them come to more than one page.
func TestRecorder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	if err := recordTrace(t.TempDir(), "sor", []string{"30", "31", "2"}, file); err != nil {
		t.Fatal(err)
	}
	accesses, err := loadTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{accesses: accesses}
	if n := tr.distinct(); n != 61 { // two for each row, one for the error
		t.Errorf("%d accesses to %d pages", len(accesses), n)
	}
}

// storeTrace writes what record.c wrote as the differences between accesses, compressed.
func storeTrace(file string, raw []byte) error {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return err
	}
	last := int64(0)
	for ; len(raw) >= 4; raw = raw[4:] {
		a := int64(binary.LittleEndian.Uint32(raw))
		if _, err := w.Write(binary.AppendVarint(nil, a-last)); err != nil {
			return err
		}
		last = a
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

func loadTrace(file string) ([]access, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(flate.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	var accesses []access
	last := int64(0)
	for len(raw) > 0 {
		d, n := binary.Varint(raw)
		if n <= 0 {
			return nil, fmt.Errorf("read %s: damaged", file)
		}
		last += d
		accesses = append(accesses, access(last))
		raw = raw[n:]
	}
	return accesses, nil
}
