package linearize

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fhirdock/fhirdock/jobs"
)

// keys is the number of jobs in a history.
const keys = 3

// record is a job in the model; Revision is 0 if there is none.
type record struct {
	Revision int64
	Token    int // determines all other fields
}

// state is the whole store.
type state [keys]record

type method string

const (
	create method = "create"
	get    method = "get"
	update method = "update"
	due    method = "due"
	list   method = "list"
)

// input of a call.
type input struct {
	method method
	key    int
	record record // as created, or the revision and the new token of an update
}

// output of a call. If unknown, it may have taken effect or may do so later.
type output struct {
	unknown                    bool
	exists, conflict, notFound bool
	record                     record
	found                      []found // of Due and List, in order
}

type found struct {
	key    int
	record record
}

// stateOf returns the state of a token's job.
func stateOf(token int) jobs.State {
	all := jobs.States()
	return all[token%len(all)]
}

// isDue reports whether a token's job has a due time. Two in three have.
func isDue(token int) bool { return token%3 != 0 }

// dueAfter returns the due time of a token's job. Due times are distinct and not in the
// order of the tokens.
func dueAfter(token int) time.Duration {
	return time.Duration(token*7919%10007*1000+token) * time.Microsecond
}

// dueRank orders due jobs: leases come first.
func dueRank(token int) time.Duration {
	if stateOf(token) == jobs.Processing {
		return dueAfter(token) - time.Hour
	}
	return dueAfter(token)
}

// step reports whether a state allows an output for an input, and returns the next state.
// A call with an unknown outcome takes effect if it can; one that never did is ordered
// after all others.
func step(s state, in input, out output) (bool, state) {
	now := &s[in.key]
	switch in.method {
	case create:
		there := now.Revision != 0
		if !there && !out.exists {
			*now = record{Revision: 1, Token: in.record.Token}
		}
		return out.unknown || out.exists == there, s
	case update:
		there, same := now.Revision != 0, now.Revision == in.record.Revision
		if there && same && !out.conflict && !out.notFound {
			*now = record{Revision: now.Revision + 1, Token: in.record.Token}
		}
		return out.unknown || out.notFound == !there && out.conflict == (there && !same), s
	case get:
		return *now == out.record, s // both are zero if it was not found
	case due:
		var want []found
		for key, r := range s {
			if r.Revision != 0 && isDue(r.Token) {
				want = append(want, found{key, r})
			}
		}
		slices.SortFunc(want, func(a, b found) int { return int(dueRank(a.record.Token) - dueRank(b.record.Token)) })
		return slices.Equal(want, out.found), s
	default:
		var want []found
		for key := keys - 1; key >= 0; key-- { // the newest first
			if s[key].Revision != 0 {
				want = append(want, found{key, s[key]})
			}
		}
		return slices.Equal(want, out.found), s
	}
}

var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) { return step(s.(state), in.(input), out.(output)) },
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		var b strings.Builder
		fmt.Fprintf(&b, "%s", i.method)
		switch i.method {
		case create:
			fmt.Fprintf(&b, " job %d as %d", i.key, i.record.Token)
		case update:
			fmt.Fprintf(&b, " job %d, revision %d, to %d", i.key, i.record.Revision, i.record.Token)
		case get:
			fmt.Fprintf(&b, " job %d", i.key)
		}
		switch {
		case o.unknown:
			b.WriteString(": unknown")
		case o.exists:
			b.WriteString(": exists")
		case o.conflict:
			b.WriteString(": conflict")
		case o.notFound:
			b.WriteString(": not found")
		case i.method == get:
			fmt.Fprintf(&b, ": revision %d, %d", o.record.Revision, o.record.Token)
		case i.method == due, i.method == list:
			for _, f := range o.found {
				fmt.Fprintf(&b, ": job %d, revision %d, %d", f.key, f.record.Revision, f.record.Token)
			}
		}
		return b.String()
	},
}
