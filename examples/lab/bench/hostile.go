package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// hostileCase is input made to cost more than it should. It is read at a size
// and at four times as much.
type hostileCase struct {
	name string
	n    int // of the larger one, in units of the case
	make func(n int) []byte
	opts *fhirbundle.Options
	// code is that of the first error which must come of it; empty means none.
	code string
	// atOnce says that it must be refused without being read to its end.
	atOnce bool
	// whole says that a quick run does not divide n.
	whole bool
}

const million = 1_000_000

// hostileCases are in full size; a quick run divides it.
var hostileCases = []hostileCase{
	{name: "names in one object", n: million, make: func(n int) []byte {
		return inResource("{", "}", n, func(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"n%07d":1`, i) })
	}},
	{name: "names that begin and end alike", n: 40_000, make: func(n int) []byte {
		same := strings.Repeat("n", 200)
		return inResource("{", "}", n, func(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"%s%07d%s":1`, same, i, same) })
	}},
	{name: "levels of nesting, limit raised", n: 100_000 - 4, whole: true,
		opts: &fhirbundle.Options{MaxDepth: 100_000}, make: func(n int) []byte {
			return oneValue(strings.Repeat("[", n) + "1" + strings.Repeat("]", n))
		}},
	{name: "times nested to the default limit", n: 100_000, make: func(n int) []byte {
		const most = fhirbundle.DefaultMaxDepth - 5
		deep := strings.Repeat("[", most) + "1" + strings.Repeat("]", most)
		return inResource("[", "]", n, func(b *bytes.Buffer, i int) { b.WriteString(deep) })
	}},
	{name: "levels of nesting, too many", n: 10 * million, code: "json-depth", atOnce: true, make: func(n int) []byte {
		return []byte(strings.Repeat("[", n))
	}},
	{name: "bytes of one string, limits raised", n: 100 * million,
		opts: &fhirbundle.Options{MaxStringBytes: 200 * million, MaxEntryBytes: 200 * million},
		make: func(n int) []byte { return oneValue(`"` + strings.Repeat("s", n) + `"`) }},
	{name: "entries that are {}", n: 10 * million, code: "entry-resource", make: func(n int) []byte {
		return []byte(`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat("{},", n-1) + `{}]}`)
	}},
	{name: "digits of one number", n: million, whole: true, make: func(n int) []byte { return oneValue(strings.Repeat("9", n)) }},
	{name: "escapes, and nothing else", n: 5 * million, make: func(n int) []byte {
		return oneValue(`"` + strings.Repeat(`\ud83d\ude00\n`, n/3) + `"`)
	}},
}

// oneValue is a Bundle whose resource has that value.
func oneValue(value string) []byte {
	return []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Basic","x":` + value +
		`},"request":{"method":"POST","url":"Basic"}}]}`)
}

// inResource is oneValue of a value with n parts.
func inResource(begin, end string, n int, part func(b *bytes.Buffer, i int)) []byte {
	var b bytes.Buffer
	b.WriteString(begin)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		part(&b, i)
	}
	b.WriteString(end)
	return oneValue(b.String())
}

// hostileResult is what came of a case; [0] is the smaller size.
type hostileResult struct {
	hostileCase
	size  [2]int     // of the input, in bytes
	rate  [2]float64 // in bytes a second
	wrong string     // how it was read otherwise than it must be
}

// growth is the larger input's rate over the smaller one's: 1 where time is
// linear, a quarter where it is quadratic.
func (h *hostileResult) growth() float64 { return h.rate[1] / h.rate[0] }

func (h *hostileResult) linear() bool { return h.wrong == "" && h.growth() >= 0.5 }

// readHostile reads all cases, both sizes by turns.
func readHostile(ctx context.Context, c config, p *progress) ([]*hostileResult, error) {
	var all []*hostileResult
	for _, h := range hostileCases {
		p.say("hostile input: %s", h.name)
		if !h.whole {
			h.n /= c.hostile
		}
		r := &hostileResult{hostileCase: h}
		data := [2][]byte{h.make(h.n / 4), h.make(h.n)}
		var rates [2][]float64
		for range min(c.rounds, 7) { // more would be for small differences
			for k := range data {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				rate, wrong := h.read(data[k], c.least/3)
				if wrong != "" {
					r.wrong = wrong
				}
				rates[k] = append(rates[k], rate)
			}
		}
		for k := range data {
			r.size[k], r.rate[k] = len(data[k]), median(rates[k])
		}
		all = append(all, r)
	}
	return all, nil
}

// read reads one input until that much time has passed, at least once.
func (h *hostileCase) read(data []byte, least time.Duration) (rate float64, wrong string) {
	start := time.Now()
	for n := 1; ; n++ {
		r := open(data, h.opts)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		rep := r.Report()
		if took := time.Since(start); took >= least && took > 0 {
			return float64(n) * float64(len(data)) / took.Seconds(), h.judge(err, rep, len(data))
		}
	}
}

func (h *hostileCase) judge(err error, rep *fhirbundle.Report, size int) (wrong string) {
	code := ""
	if invalid, ok := rep.Err().(*fhirbundle.InvalidError); ok {
		code = invalid.First.Code
	}
	switch {
	case code != h.code:
		return fmt.Sprintf("the error is %q, not %q", code, h.code)
	case h.atOnce && rep.Bytes > 1000:
		return "it is refused late"
	case !h.atOnce && (err != io.EOF || rep.Bytes != int64(size)):
		return "it is not read to its end"
	}
	return ""
}

func printHostile(out io.Writer, all []*hostileResult) {
	fmt.Fprintf(out, "Hostile input, n of each and 4n: MB/s must not fall below half\n\n")
	rows := [][]string{{"", "", "4n", "MB", "n: MB/s", "4n: MB/s", "ratio"}}
	var notes []string
	for _, h := range all {
		verdict := "linear"
		switch {
		case h.wrong != "":
			verdict = "WRONG"
			notes = append(notes, fmt.Sprintf("%s: %s.", h.name, h.wrong))
		case !h.linear():
			verdict = "NOT LINEAR"
		case h.atOnce:
			verdict = "refused at once"
		}
		row := []string{h.name, verdict, thousands(h.n), fmt.Sprintf("%.1f", float64(h.size[1])/1e6)}
		if h.atOnce { // hardly any of it is read
			row = append(row, "-", "-", "-")
		} else {
			row = append(row, fmt.Sprintf("%.0f", h.rate[0]/1e6), fmt.Sprintf("%.0f", h.rate[1]/1e6), fmt.Sprintf("%.2f", h.growth()))
		}
		rows = append(rows, row)
	}
	table(out, 2, rows)
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	fmt.Fprintln(out)
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
