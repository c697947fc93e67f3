package route

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// What a host says in the first round: "shm=CARD;rdma!=reason", a part for each way; reasons are in the form of a URL's query, so
// that they have neither spaces nor semicolons.

// longestWhy is how many bytes of a reason travel.
const longestWhy = 400

// A card is what one host says of one way.
type card struct {
	text string // "": none
	why  string // then
}

// encodeCards returns the text of a host whose cards are in the order of the names.
func encodeCards(names []string, cards []card) string {
	var parts []string
	for i, c := range cards {
		if c.text != "" {
			parts = append(parts, names[i]+"="+c.text)
		} else {
			parts = append(parts, names[i]+"!="+url.QueryEscape(cut(c.why)))
		}
	}
	return strings.Join(parts, ";")
}

// cut keeps a reason short.
func cut(why string) string {
	if len(why) > longestWhy {
		why = strings.ToValidUTF8(why[:longestWhy], "") + "..."
	}
	return why
}

// decodeCards reads such a text. A way that it does not name is one that the host does not use.
func decodeCards(names []string, text string) ([]card, error) {
	said := make(map[string]card)
	for part := range strings.SplitSeq(text, ";") {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return nil, fmt.Errorf("%.40q is not the card of a transport", part)
		}
		c := card{text: value}
		if kind, missing := strings.CutSuffix(name, "!"); missing {
			why, err := url.QueryUnescape(value)
			if err != nil {
				return nil, fmt.Errorf("why a transport is missing: %w", err)
			}
			name, c = kind, card{why: why}
		}
		if _, twice := said[name]; twice || name == "" {
			return nil, fmt.Errorf("two cards of transport %.20q", name)
		}
		said[name] = c
	}
	cards := make([]card, len(names))
	for i, name := range names {
		c, named := said[name]
		if !named {
			c.why = "it does not use it"
		}
		if c.text == "" && c.why == "" {
			return nil, errors.New("a card without content")
		}
		cards[i] = c
	}
	return cards, nil
}
