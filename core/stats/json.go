package stats

import (
	"bytes"
	"fmt"
	"strconv"
)

// JSON returns the statistics of a job as a JSON object: "hosts", their number; "total", the sums; "per_host", a list of
// objects by ascending host, each with its number as "host". The keys of totals and hosts are the names of Fields. A
// host whose numbers did not arrive is missing in the list.
func JSON(hosts int, list []Host) []byte {
	var b bytes.Buffer
	var total Row
	for _, h := range list {
		total = total.Plus(h.Row)
	}
	fmt.Fprintf(&b, "{\n  \"hosts\": %d,\n  \"total\": {", hosts)
	members(&b, &total)
	b.WriteString("},\n  \"per_host\": [")
	for i, h := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n    {\"host\": %d, ", h.Host)
		members(&b, &h.Row)
		b.WriteByte('}')
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}

func members(b *bytes.Buffer, r *Row) {
	for f := Field(0); int(f) < Len; f++ {
		if f > 0 {
			b.WriteString(", ")
		}
		value := strconv.FormatUint(r[f], 10)
		if Fields[f].Unit == Nanoseconds {
			value = strconv.FormatFloat(r.Seconds(f), 'f', 9, 64)
		}
		fmt.Fprintf(b, "%q: %s", Fields[f].Name, value)
	}
}
