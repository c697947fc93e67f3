package launch

import "encoding/json"

// texts are arguments or variables, which may be any bytes: as JSON's own strings, those that are not UTF-8, such as a file's
// name in Latin-1, would arrive as others.
type texts []string

func (t texts) MarshalJSON() ([]byte, error) {
	raw := make([][]byte, len(t))
	for i, s := range t {
		raw[i] = []byte(s)
	}
	return json.Marshal(raw)
}

func (t *texts) UnmarshalJSON(data []byte) error {
	var raw [][]byte
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*t = nil
	for _, b := range raw {
		*t = append(*t, string(b))
	}
	return nil
}
