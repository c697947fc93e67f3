package launch

import (
	"errors"
	"fmt"
	"strings"
)

// MaxGather is the longest text that Job.Gather takes, in bytes.
const MaxGather = 8 << 10

// Gather is an all-gather: it returns the texts of all hosts by rank, the own one included. It is collective, and may be called
// as often as all hosts do, by one thread at a time. It blocks until all hosts have called it; the error names those that have
// not within two minutes of the first one. text is as CheckGather says.
func (j *Job) Gather(text string) ([]string, error) {
	if err := CheckGather(text); err != nil {
		return nil, fmt.Errorf("gather texts: %w", err)
	}
	if err := j.send(message{Kind: kindText, Text: text}); err != nil {
		return nil, fmt.Errorf("gather texts: %w", err)
	}
	answer := <-j.answers
	if answer.Kind == kindMissing {
		return nil, fmt.Errorf("gather texts: %s sent none within %v of the first host: see what keeps it", HostList(answer.Missing), exchangeLimit)
	}
	if len(answer.Texts) != j.size {
		return nil, fmt.Errorf("gather texts: %d of them for %d hosts", len(answer.Texts), j.size)
	}
	return answer.Texts, nil
}

// CheckGather reports what is wrong with a text for Job.Gather: it must have from 1 to MaxGather bytes, all of them printable
// ASCII that JSON leaves as it is, so that its length is the same on the way.
func CheckGather(text string) error {
	if text == "" || len(text) > MaxGather {
		return fmt.Errorf("a text of %d bytes, from 1 to %d are allowed", len(text), MaxGather)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }); i >= 0 {
		return fmt.Errorf("a text with the character %q", text[i])
	}
	return nil
}

// A round is one collective call of the hosts in which each says something, as the supervisor sees it.
type round struct {
	number int      // counts from 0
	texts  []string // by rank, "" while unknown
	known  int      // how many of them are
	late   bool     // it was given up
}

// gather notes what a host has said, and tells everybody once all have. The error is for a host that may not speak now: it has
// not heard the others yet.
func (s *supervisor) gather(m *member, text string) error {
	r := &s.round
	if r.late {
		return nil // the job is about to fail for that
	}
	if r.texts == nil {
		r.texts = make([]string, len(s.members))
	}
	if r.texts[m.rank] != "" {
		return errors.New("a second text in one round")
	}
	r.texts[m.rank] = text
	if r.known++; r.known == 1 {
		number := r.number
		s.loop.after(exchangeLimit, func() { s.gatherLate(number) })
	}
	if r.known < len(s.members) {
		return nil
	}
	all := message{Kind: kindTexts, Texts: r.texts}.encode()
	s.round = round{number: r.number + 1}
	if len(all) > maxMessage {
		s.fail(fmt.Sprintf("the %d hosts have more to tell each other about their transports (%d bytes) than the supervisor passes on: "+
			"set JIA_COMM_TYPE=tcp", len(s.members), len(all)))
		return nil
	}
	s.sendAll(func(*link) []byte { return all })
	return nil
}

// gatherLate is called exchangeLimit after the first host has spoken in a round.
func (s *supervisor) gatherLate(number int) {
	if s.round.number != number {
		return
	}
	s.round.late = true
	s.sendMissing(func(m *member) bool { return s.round.texts[m.rank] == "" })
}
