package sqlonce

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fhirdock/fhirdock/ingest"
)

// rejected is a resource of a batch, by its place, and why it was rejected.
type rejected struct {
	at int
	Rejection
}

// group is what is stored: many resources are rejected for the same reason.
type group struct {
	Rejection
	At []int `json:"at"`
}

// encode writes rejections in the form that is stored beside the key. It is never
// empty.
func encode(all []rejected) (string, error) {
	groups := []group{}
	places := map[Rejection]int{}
	for _, r := range all {
		n, ok := places[r.Rejection]
		if !ok {
			n = len(groups)
			places[r.Rejection] = n
			groups = append(groups, group{Rejection: r.Rejection})
		}
		groups[n].At = append(groups[n].At, r.at)
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return "", fmt.Errorf("sqlonce: encode rejections: %w", err)
	}
	return string(text), nil
}

// errRejections does not quote what is stored.
var errRejections = errors.New("sqlonce: what is stored is not the rejections of this batch")

// decode reads the rejections of a batch with n resources, in the order in which they
// were made.
func decode(text string, n int) ([]rejected, error) {
	var groups []group
	if err := json.Unmarshal([]byte(text), &groups); err != nil {
		return nil, errRejections
	}
	var all []rejected
	for _, g := range groups {
		for _, at := range g.At {
			if at < 0 || at >= n {
				return nil, errRejections
			}
			all = append(all, rejected{at, g.Rejection})
		}
	}
	slices.SortFunc(all, func(a, b rejected) int { return a.at - b.at })
	return all, nil
}

func reject(b *ingest.Batch, all []rejected) {
	for _, r := range all {
		b.Reject(r.at, r.Code, r.Message)
	}
}
