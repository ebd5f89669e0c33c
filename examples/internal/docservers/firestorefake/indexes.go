package firestorefake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// indexes is the content of firestore.indexes.json.
// https://firebase.google.com/docs/reference/firestore/indexes
type indexes struct {
	Indexes []struct {
		CollectionGroup string       `json:"collectionGroup"`
		QueryScope      string       `json:"queryScope"`
		Fields          []indexField `json:"fields"`
	} `json:"indexes"`
	FieldOverrides []struct {
		CollectionGroup string       `json:"collectionGroup"`
		FieldPath       string       `json:"fieldPath"`
		Indexes         []indexField `json:"indexes"`
	} `json:"fieldOverrides"`
}

type indexField struct {
	FieldPath  string `json:"fieldPath,omitempty"`
	Order      string `json:"order"`
	QueryScope string `json:"queryScope,omitempty"`
}

// Declare replaces the declared indexes.
func (s *Server) Declare(declared []byte) error {
	var i indexes
	d := json.NewDecoder(bytes.NewReader(declared))
	d.DisallowUnknownFields()
	if err := d.Decode(&i); err != nil {
		return fmt.Errorf("firestorefake: the indexes: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexes = i
	return nil
}

// serve returns an error if there is no index for a query. A single field is indexed in
// both directions unless it is exempt. Equalities with an order need a composite index
// that ends with the order.
// https://firebase.google.com/docs/firestore/query-data/index-overview
func (i *indexes) serve(collection string, filters []*pb.StructuredQuery_FieldFilter, order string, descending bool) error {
	direction := "ASCENDING"
	if descending {
		direction = "DESCENDING"
	}
	var equal []string
	for _, f := range filters {
		if isEqual(f) && f.Field.FieldPath != order {
			equal = append(equal, f.Field.FieldPath)
		}
	}
	if order == "" || len(equal) == 0 {
		fields := equal
		if order != "" {
			fields = []string{order}
		}
		for _, f := range fields {
			if !i.single(collection, f, direction) {
				return status.Errorf(codes.FailedPrecondition, "the query requires an index by %s, which is exempt", f)
			}
		}
		return nil
	}
	slices.Sort(equal)
	for _, x := range i.Indexes {
		last := len(x.Fields) - 1
		if x.CollectionGroup != collection || x.QueryScope != "COLLECTION" || last != len(equal) ||
			x.Fields[last].FieldPath != order || x.Fields[last].Order != direction {
			continue
		}
		var first []string
		for _, f := range x.Fields[:last] {
			first = append(first, f.FieldPath)
		}
		if slices.Sort(first); slices.Equal(first, equal) {
			return nil
		}
	}
	return status.Errorf(codes.FailedPrecondition, "the query requires an index by %v and %s %s", equal, order, direction)
}

func (i *indexes) single(collection, field, direction string) bool {
	for _, o := range i.FieldOverrides {
		if o.CollectionGroup == collection && o.FieldPath == field {
			return slices.ContainsFunc(o.Indexes, func(f indexField) bool { return f.Order == direction })
		}
	}
	return true
}
