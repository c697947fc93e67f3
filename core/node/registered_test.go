package node

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jiajia/core"
)

// Memory that the program has given up is an error, wherever it ends.
func TestCopyOfMemoryThatIsGone(t *testing.T) {
	const size = 8 << 12
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	for i := range memory {
		memory[i] = byte(i * 7)
	}
	at := unsafe.Pointer(unsafe.SliceData(memory))
	got, err := copyOf(at, size-1)
	if err != nil || !bytes.Equal(got, memory[:size-1]) {
		t.Errorf("the copy differs, %v", err)
	}
	if got, err := copyOf(at, 0); err != nil || len(got) != 0 {
		t.Errorf("nothing is %d bytes, %v", len(got), err)
	}
	if _, err := copyOf(at, 1<<62); !errors.Is(err, unix.EFAULT) {
		t.Errorf("more than there can be: %v", err)
	}
	if err := unix.Mprotect(memory[size/2:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if _, err := copyOf(at, size); !errors.Is(err, unix.EFAULT) {
		t.Errorf("half of it is gone: %v", err)
	}
	if err := unix.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	if _, err := copyOf(at, size); !errors.Is(err, unix.EFAULT) {
		t.Errorf("all of it is gone: %v", err)
	}
}

func TestParcels(t *testing.T) {
	list := []Section{{"one", []byte("some bytes")}, {"none", []byte{}}, {"", []byte("x")}}
	data := packSections(list)
	got, err := unpackSections(data)
	if diff := cmp.Diff(list, got); diff != "" || err != nil {
		t.Errorf("%v, (-packed +unpacked):\n%s", err, diff)
	}
	for n := range data {
		if got, err := unpackSections(data[:n]); err == nil && len(got) == len(list) {
			t.Errorf("%d bytes of %d are enough", n, len(data))
		}
	}
	data[0] = 255
	if _, err := unpackSections(data); err == nil {
		t.Error("a name of 255 bytes is there")
	}
}

func TestCVsOfASection(t *testing.T) {
	got, err := appendCVs([]core.CVID{7}, []byte{1, 0, 0, 0, 255, 255, 255, 127})
	if diff := cmp.Diff([]core.CVID{7, 1, 1<<31 - 1}, got); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	if _, err := appendCVs(nil, make([]byte, 5)); err == nil {
		t.Error("a list of 5 bytes is taken")
	}
}

func TestBitmap(t *testing.T) {
	b := newBitmap(1000, []core.Allocation{{Page: 3, Pages: 100}, {Page: 10, Pages: 1}})
	b.set(60, 10)
	b.set(102, 5000) // beyond the last allocation there is nothing to remember
	for p := range uint64(300) {
		if want := p >= 60 && p < 70 || p >= 102 && p < uint64(len(b))*64; b.has(p) != want {
			t.Errorf("page %d is %v", p, !want)
		}
	}
	var none bitmap
	none.set(1, 2)
	if none.has(1) {
		t.Error("nil has a page")
	}
}
