package stats

import (
	"bytes"
	"fmt"
	"strconv"
)

// JSON returns the statistics of a job as a JSON object: "hosts", their number; "total", the sums; "per_host", a list of
// objects by ascending host, each with its number as "host". The keys of totals and hosts are the names of Fields. A
// host whose numbers did not arrive is missing in the list. "named" is the list of the names of allocations, each with its "name",
// and "total" and "per_host" as above, with the keys of NamedFields alone.
func JSON(hosts int, list []Host, named []Named) []byte {
	var b bytes.Buffer
	total := sum(list)
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
	b.WriteString("\n  ],\n  \"named\": [")
	for i := range named {
		if i > 0 {
			b.WriteByte(',')
		}
		named[i].appendJSON(&b)
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}

func members(b *bytes.Buffer, r *Row) {
	for f := Field(0); int(f) < Len; f++ {
		if f > 0 {
			b.WriteString(", ")
		}
		member(b, r, f)
	}
}

func member(b *bytes.Buffer, r *Row, f Field) {
	value := strconv.FormatUint(r[f], 10)
	if Fields[f].Unit == Nanoseconds {
		value = strconv.FormatFloat(r.Seconds(f), 'f', 9, 64)
	}
	fmt.Fprintf(b, "%q: %s", Fields[f].Name, value)
}
