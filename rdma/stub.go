//go:build !rdma

package rdma

import (
	"jiajia/core/node"
	"jiajia/rdma/verbs"
)

// A Transport of a library that was built without RDMA cannot be started.
type Transport struct{ node.Transport }

// New returns it.
func New(Options) *Transport { return &Transport{} }

// Card tells why there is none.
func (t *Transport) Card() (card, why string) { return "", verbs.ErrNotBuilt.Error() }

// Try finds no host working.
func (t *Transport) Try(cards []string) (refused []error) {
	for _, card := range cards {
		var err error
		if card != "" {
			err = verbs.ErrNotBuilt
		}
		refused = append(refused, err)
	}
	return refused
}

// Start fails.
func (t *Transport) Start([]bool) error { return verbs.ErrNotBuilt }

// Close has nothing to do.
func (t *Transport) Close() error { return nil }
