//go:build rdma

package rdma

import "testing"

func TestRoom(t *testing.T) {
	total, available, err := memory()
	if err != nil || available == 0 || available > total {
		t.Fatalf("%d of %d bytes are available: %v", available, total, err)
	}
	if err := room(total); err == nil {
		t.Error("there is room for all of the memory once more")
	}
}
