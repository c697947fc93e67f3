package verbs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInactive(t *testing.T) {
	down := Port{Device: "mlx5_0", Number: 1, State: "down"}
	up := Port{Device: "mlx5_1", Number: 2, State: "active", Active: true}
	if err := Inactive(nil); err != ErrNoDevice {
		t.Error(err)
	}
	if err := Inactive([]Port{down, up}); err != nil {
		t.Error(err)
	}
	if err := Inactive([]Port{down}); err == nil || !strings.Contains(err.Error(), "mlx5_0 port 1 is down") {
		t.Error(err)
	}
}

func TestLibraryError(t *testing.T) {
	err := libraryError("libibverbs.so.1: cannot open shared object file: No such file or directory")
	if !errors.Is(err, ErrNoLibrary) || !strings.Contains(err.Error(), "libibverbs.so.1") {
		t.Error(err)
	}
	if err := libraryError("librdmacm.so.1: undefined symbol: rdma_init_qp_attr"); errors.Is(err, ErrNoLibrary) {
		t.Error(err)
	}
}

// TestLocked: the advice is a limit that is higher than the present one and enough for what is needed.
func TestLocked(t *testing.T) {
	err := fmt.Errorf("ibv_reg_mr: %w", unix.ENOMEM)
	for _, c := range []struct {
		need  int
		limit uint64
		want  string
	}{
		{1 << 20, 64 << 10, "no more than 64 KiB [allow 1024 KiB at least: ulimit -l 1024,"},
		{1000, 8 << 20, "no more than 8192 KiB [allow 16384 KiB at least: ulimit -l 16384,"},
	} {
		if got := lockedAt(err, c.need, c.limit); !errors.Is(got, unix.ENOMEM) || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%d bytes of %d: %v", c.need, c.limit, got)
		}
	}
	if got := lockedAt(err, 1, unix.RLIM_INFINITY); got != err {
		t.Error(got)
	}
	if other := errors.New("other"); Locked(other, 1) != other {
		t.Error("an error that has nothing to do with memory was explained")
	}
}
