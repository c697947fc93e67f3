package diff

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestApplyNext applies a stream record by record, to pages that lie apart.
func TestApplyNext(t *testing.T) {
	const pageSize = 4096
	var stream []byte
	want := make(map[uint64][]byte)
	for _, number := range []uint64{3, 900, 4} {
		page := make([]byte, pageSize)
		for i := int(number) % 7; i < pageSize; i += 1 + int(number)%5 {
			page[i] = byte(i) | 1
		}
		want[number] = page
		stream, _ = AppendRecord(stream, number, page, make([]byte, pageSize))
	}
	r := NewReader(stream, pageSize, 1000)
	got := make(map[uint64][]byte)
	for {
		number, d, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[number] = make([]byte, pageSize)
		ApplyNext(got[number], d)
	}
	if len(got) != len(want) {
		t.Errorf("%d pages, not %d", len(got), len(want))
	}
	for number, page := range want {
		if !bytes.Equal(got[number], page) {
			t.Errorf("page %d is not what it was when the stream was made", number)
		}
	}
}
