package join

import (
	"errors"
	"fmt"
	"time"

	"jiajia/core/launch"
)

// The texts of a Gather travel from the guests to the root, and all of them from there to every guest, in pieces that are messages
// of the ordinary length. A guest has heard all others before it speaks again, so no round's number need be told.

// maxPiece is how many bytes of texts a message has room for.
const maxPiece = launch.MaxGather

// Gather is an all-gather: it returns the texts of all hosts by rank, the own one included. It is collective, and may be called
// as often as all hosts do, by one thread at a time. It blocks until all hosts have called it, which joinLimit bounds. text is
// as launch.CheckGather says.
func (j *Job) Gather(text string) ([]string, error) {
	err := launch.CheckGather(text)
	var texts []string
	if err == nil {
		texts, err = j.star.gather(text)
	}
	if err != nil {
		return nil, fmt.Errorf("gather texts: %w", err)
	}
	return texts, nil
}

// pieces cuts the texts of all hosts into messages.
func pieces(texts []string) (list []message) {
	for first := 0; first < len(texts); {
		end, bytes := first, 0
		for end < len(texts) && (end == first || bytes+len(texts[end]) <= maxPiece) {
			bytes += len(texts[end]) + 3 // quotes and a comma
			end++
		}
		list = append(list, message{Kind: kindTexts, First: first, Texts: texts[first:end]})
		first = end
	}
	return list
}

// A round is one Gather as the root sees it.
type round struct {
	texts []string      // by rank, "" while unknown
	known int           // how many of them are
	done  chan struct{} // closed when all are
}

func newRound(size int) *round { return &round{texts: make([]string, size), done: make(chan struct{})} }

// gathered notes what a host has said, and tells everybody once all have.
func (r *root) gathered(rank int, text string) (*round, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.round
	if now.texts[rank] != "" {
		return nil, fmt.Errorf("a second text of host %d in one round", rank)
	}
	now.texts[rank] = text
	if now.known++; now.known < len(now.texts) {
		return now, nil
	}
	r.round = newRound(len(now.texts))
	for _, g := range r.guests[1:] {
		go func() {
			for _, m := range pieces(now.texts) {
				r.send(g, m)
			}
		}()
	}
	close(now.done)
	return now, nil
}

// gather is the root's own part of it.
func (r *root) gather(text string) ([]string, error) {
	now, err := r.gathered(0, text)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(r.config.world.join)
	defer late.Stop()
	select {
	case <-now.done:
		return append([]string{}, now.texts...), nil
	case <-late.C:
	}
	r.mu.Lock()
	var silent []int
	for rank, text := range now.texts {
		if text == "" {
			silent = append(silent, rank)
		}
	}
	r.mu.Unlock()
	r.accuse(fmt.Sprintf("host 0: %s did not go on with jia_init within %v of host 0: see what keeps it", launch.HostList(silent), r.config.world.join))
	select {} // the end is near
}

func (g *guest) gather(text string) ([]string, error) {
	if err := g.send(message{Kind: kindText, Text: text}); err != nil {
		return nil, err
	}
	return <-g.texts, nil // the root ends the job when somebody does not call
}

// collect takes a piece of what all have said. Obey's goroutine.
func (g *guest) collect(m message) error {
	if m.First != len(g.heard) || m.First+len(m.Texts) > g.size {
		return fmt.Errorf("texts of hosts %d to %d of %d after those of %d", m.First, m.First+len(m.Texts)-1, g.size, len(g.heard))
	}
	if g.heard = append(g.heard, m.Texts...); len(g.heard) < g.size {
		return nil
	}
	texts := g.heard
	g.heard = nil
	select {
	case g.texts <- texts:
	default:
		return errors.New("texts that nobody asked for")
	}
	return nil
}
