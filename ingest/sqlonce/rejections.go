package sqlonce

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fhirdock/fhirdock/ingest"
)

// rejected is the index of a rejected resource in its batch, and its rejection.
type rejected struct {
	at int
	Rejection
}

// group is the stored form. Resources with the same rejection share a group.
type group struct {
	Rejection
	At []int `json:"at"`
}

// encode encodes rejections for storing them with the key. The result is never empty.
func encode(all []rejected) (string, error) {
	groups := []group{}
	indices := map[Rejection]int{}
	for _, r := range all {
		n, ok := indices[r.Rejection]
		if !ok {
			n = len(groups)
			indices[r.Rejection] = n
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

// errRejections does not quote the stored text.
var errRejections = errors.New("sqlonce: the stored rejections are damaged or not of this batch")

// decode decodes the rejections of a batch with n resources, ordered by index.
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
