package resume

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// What the hosts say is JSON, deflated and in base 64, since a text is printable ASCII.

// mostSaid bounds what a host is ready to unpack.
const mostSaid = 1 << 30

var errTooLong = errors.New("more to say about the checkpoint than a text holds")

// silent is the text of a host that has nothing to say in a round.
const silent = "."

// round is one all-gather.
func (c *Config) round(text string) ([]string, error) {
	if c.Gather == nil {
		return []string{text}, nil
	}
	texts, err := c.Gather(text)
	if err == nil && len(texts) != c.Size {
		err = fmt.Errorf("texts of %d hosts in a job of %d", len(texts), c.Size)
	}
	return texts, err
}

// tell has all hosts learn what host 0 says, piece by piece. said is host 0's, into what it is unpacked everywhere.
func (c *Config) tell(said, into any) error {
	text := silent
	if c.Rank == 0 {
		var err error
		if text, err = pack(said); err != nil {
			return err
		}
	}
	// The first piece says how many bytes there are.
	const head = 24
	var all strings.Builder
	for total, at := -1, 0; total < 0 || at < total; {
		piece := silent
		if c.Rank == 0 {
			room := c.Longest - head
			piece = strconv.Itoa(len(text)) + ":" + text[at:min(at+room, len(text))]
		}
		texts, err := c.round(piece)
		if err != nil {
			return err
		}
		length, rest, ok := strings.Cut(texts[0], ":")
		n, err := strconv.Atoi(length)
		if !ok || err != nil || n < 0 || total >= 0 && n != total || rest == "" && n > at {
			return fmt.Errorf("host 0 said %.40q about the checkpoint", texts[0])
		}
		total, at = n, at+len(rest)
		all.WriteString(rest)
	}
	return unpack(all.String(), into)
}

// hear returns what each host says.
func hear[T any](c *Config, said T) ([]T, error) {
	text, err := pack(said)
	if err != nil {
		return nil, err
	}
	if len(text) > c.Longest {
		return nil, errTooLong
	}
	texts, err := c.round(text)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(texts))
	for host, text := range texts {
		if err := unpack(text, &all[host]); err != nil {
			return nil, fmt.Errorf("host %d: %w", host, err)
		}
	}
	return all, nil
}

// progress is what a host says while it works: "" when it is not through, else what came out.
type progress struct {
	Done bool
	What string
}

// work has each host do its work, which may take long, and returns what all say about it at the end. A round waits only so long for a
// host, so those that are not through say so, and there is another round.
func (c *Config) work(do func() string) ([]string, error) {
	patience := c.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	own := make(chan string, 1)
	go func() { own <- do() }()
	var now progress
	for {
		if !now.Done {
			timer := time.NewTimer(patience)
			select {
			case now.What = <-own:
				now = c.short(progress{true, now.What})
			case <-timer.C:
			}
			timer.Stop()
		}
		all, err := hear(c, now)
		if err != nil {
			return nil, err
		}
		through, said := true, make([]string, len(all))
		for host, p := range all {
			through, said[host] = through && p.Done, p.What
		}
		if through {
			return said, nil
		}
	}
}

// short cuts what there is to say so that it fits into a text.
func (c *Config) short(p progress) progress {
	for len(p.What) > 0 {
		if text, err := pack(p); err != nil || len(text) <= c.Longest {
			break
		}
		p.What = strings.ToValidUTF8(p.What[:len(p.What)*3/4], "")
	}
	return p
}

func pack(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("what to say about the checkpoint: %w", err)
	}
	var small bytes.Buffer
	w, err := flate.NewWriter(&small, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return base64.StdEncoding.EncodeToString(small.Bytes()), err
}

func unpack(text string, into any) error {
	small, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("what was said about the checkpoint: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(small)), mostSaid))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("what was said about the checkpoint: %w", err)
	}
	return nil
}
