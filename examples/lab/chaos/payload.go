//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// payload is a payload to send. Its resources' ids are its name, a dash and a number from
// 0 to good-1, and never repeat.
type payload struct {
	name      string
	good, bad int
	body      []byte
}

var padding = strings.Repeat("Synthetic text that makes a resource as long as real ones are. ", 24)

func appendResource(b []byte, r *rand.Rand, name string, i, most int) []byte {
	kind := "Patient"
	if r.IntN(2) == 0 {
		kind = "Observation"
	}
	return fmt.Appendf(b, `{"resourceType":"%s","id":"%s-%d","text":{"status":"generated","div":"<div>%s</div>"}}`,
		kind, name, i, padding[:r.IntN(most)])
}

// newBundle returns a small Bundle: mostly a batch, sometimes a transaction, which is
// processed as a whole.
func newBundle(r *rand.Rand, name string) *payload {
	kind := [...]string{"batch", "batch", "collection", "transaction"}[r.IntN(4)]
	p := &payload{name: name, good: 1 + r.IntN(20)}
	p.body = fmt.Appendf(p.body, `{"resourceType":"Bundle","type":"%s","entry":[`, kind)
	for i := range p.good {
		if i > 0 {
			p.body = append(p.body, ',')
		}
		p.body = append(p.body, `{"resource":`...)
		p.body = appendResource(p.body, r, name, i, 200)
		if kind != "collection" {
			p.body = fmt.Appendf(p.body, `,"request":{"method":"PUT","url":"Patient/%s-%d"}`, name, i)
		}
		p.body = append(p.body, '}')
	}
	p.body = append(p.body, "]}"...)
	return p
}

// newFile returns an NDJSON file of 200 kB to 2 MB. A third of the files have lines that
// are not JSON.
func newFile(r *rand.Rand, name string) *payload {
	p := &payload{name: name}
	size := int(200e3 * math.Pow(10, r.Float64()))
	p.body = make([]byte, 0, size+4<<10)
	left := 0
	if r.IntN(3) == 0 {
		left = 1 + r.IntN(3)
	}
	for len(p.body) < size || left > 0 {
		if left > 0 && r.IntN(100) == 0 {
			p.body = append(p.body, `{"resourceType":"Patient","id":`...)
			p.bad++
			left--
		} else {
			p.body = appendResource(p.body, r, name, p.good, len(padding))
			p.good++
		}
		p.body = append(p.body, '\n')
	}
	return p
}

// nameIn returns the name and the number of the resource in a line of the lake.
func nameIn(line []byte) (name string, i int, ok bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"id":"`))
	id, _, ok2 := bytes.Cut(rest, []byte(`"`))
	before, after, ok3 := strings.Cut(string(id), "-")
	if !ok || !ok2 || !ok3 {
		return "", 0, false
	}
	_, err := fmt.Sscan(after, &i)
	return before, i, err == nil
}
