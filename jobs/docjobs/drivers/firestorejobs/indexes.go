package firestorejobs

import (
	_ "embed"
	"slices"
)

//go:embed firestore.indexes.json
var indexes []byte

// Indexes are those that the store needs, in the form of firestore.indexes.json, as
// README.md has them. The collection is called NAME in them.
func Indexes() []byte { return slices.Clone(indexes) }
