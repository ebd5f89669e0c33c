package firestorejobs

import (
	_ "embed"
	"slices"
)

//go:embed firestore.indexes.json
var indexes []byte

// Indexes returns the indexes that a store needs, in the form of firestore.indexes.json,
// for a collection called NAME.
func Indexes() []byte { return slices.Clone(indexes) }
