package ckpt_test

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"jiajia/ckpt"
)

const benchBytes = 1 << 30

// BenchmarkDisk writes and reads a part of 1 GiB in the temporary folder (TMPDIR), and before each part as much with dd, so that the ratio holds
// also on a machine that others use. Contents do not compress.
func BenchmarkDisk(b *testing.B) {
	for _, compress := range []bool{false, true} {
		name := "plain"
		if compress {
			name = "compressed"
		}
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			data := noise(8 << 20)
			var dd, write, read time.Duration
			for range b.N {
				dd += timed(b, func() error { return runDD(dir + "/dd") })
				must := func(err error) {
					if err != nil {
						b.Fatal(err)
					}
				}
				must(os.Remove(dir + "/dd"))
				s := ckpt.Open(dir + "/store")
				var m *ckpt.Manifest
				write += timed(b, func() (err error) { m, err = writeBench(s, data, compress); return err })
				read += timed(b, func() error { return s.VerifyPart(m, 0) })
				must(os.RemoveAll(dir + "/store"))
			}
			mb := float64(benchBytes) * float64(b.N) / 1e6
			b.ReportMetric(mb/dd.Seconds(), "dd-MB/s")
			b.ReportMetric(mb/write.Seconds(), "write-MB/s")
			b.ReportMetric(100*dd.Seconds()/write.Seconds(), "%-of-dd")
			b.ReportMetric(mb/read.Seconds(), "read-MB/s")
		})
	}
}

func timed(b *testing.B, f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func runDD(path string) error {
	cmd := exec.Command("dd", "if=/dev/zero", "of="+path, "bs=1M", "count=1024", "conv=fdatasync", "status=none")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func writeBench(s *ckpt.Store, data []byte, compress bool) (*ckpt.Manifest, error) {
	w, err := s.CreatePart(ckpt.PartInfo{Generation: 1, Hosts: 1, PageSize: 4096, Compress: compress})
	if err != nil {
		return nil, err
	}
	defer w.Abandon()
	for first := 0; first < benchBytes; first += len(data) {
		if err := w.Pages(uint64(first/4096), data); err != nil {
			return nil, err
		}
	}
	part, err := w.Close()
	return &ckpt.Manifest{Generation: 1, Hosts: 1, PageSize: 4096, Parts: []ckpt.Part{part}}, err
}

// BenchmarkFormat is the same with no disk: what checksums, copies and compression take.
func BenchmarkFormat(b *testing.B) {
	for name, data := range map[string][]byte{"noise": noise(1 << 20), "dull": make([]byte, 1<<20)} {
		for _, compress := range []bool{false, true} {
			if compress {
				name += " compressed"
			}
			b.Run(name, func(b *testing.B) {
				s := ckpt.OpenFS(nowhere{ckpt.Dir(b.TempDir())})
				w, err := s.CreatePart(ckpt.PartInfo{Generation: 1, Hosts: 1, PageSize: 4096, Compress: compress})
				if err != nil {
					b.Fatal(err)
				}
				defer w.Abandon()
				b.SetBytes(int64(len(data)))
				for i := range b.N {
					if err := w.Pages(uint64(i*len(data)/4096), data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// In nowhere files have no contents.
type nowhere struct{ ckpt.Dir }

func (nowhere) Create(string) (ckpt.Output, error) { return sink{io.Discard}, nil }

type sink struct{ io.Writer }

func (sink) Sync() error  { return nil }
func (sink) Close() error { return nil }
