//go:build !rdma

package rdma

import (
	"errors"
	"testing"

	"jiajia/rdma/verbs"
)

func TestWithoutRDMA(t *testing.T) {
	tr := New(Options{})
	if card, why := tr.Card(); card != "" || why != verbs.ErrNotBuilt.Error() {
		t.Error(card, why)
	}
	if refused := tr.Try([]string{"", "10.0.0.1:7"}); refused[0] != nil || !errors.Is(refused[1], verbs.ErrNotBuilt) {
		t.Error(refused)
	}
	if err := tr.Start(nil); !errors.Is(err, verbs.ErrNotBuilt) {
		t.Error(err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}
