package mongojobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// ErrIndex: an index is missing and was not created.
var ErrIndex = errors.New("mongojobs: an index is missing")

// indexes by their fields. A sparse index leaves out documents without its fields.
var indexes = []struct {
	fields []string
	sparse bool
}{
	{[]string{"Org", "Place"}, false},
	{[]string{"OrgState", "Place"}, false},
	{[]string{"DueShard", "Due"}, true},
	{[]string{"Line"}, true},
	{[]string{"Open"}, true},
	{[]string{"Ready"}, true},
	{[]string{"Later"}, true},
}

// makeIndexes creates missing indexes, and with them the collection. With skip, a missing
// index is an error.
func makeIndexes(ctx context.Context, coll *mongo.Collection, skip bool) error {
	there, err := indexed(ctx, coll)
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	for _, i := range indexes {
		if slices.Contains(there, strings.Join(i.fields, " ")) {
			continue
		}
		if skip {
			return fmt.Errorf("%w: of %s, by %s", ErrIndex, coll.Name(), strings.Join(i.fields, " and "))
		}
		keys := bson.D{}
		for _, f := range i.fields {
			keys = append(keys, bson.E{Key: f, Value: 1})
		}
		_, err := coll.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: options.Index().SetSparse(i.sparse)})
		if err != nil {
			return fmt.Errorf("%w: of %s, by %s, and it can't be created: %w", ErrIndex, coll.Name(), strings.Join(i.fields, " and "), err)
		}
	}
	return nil
}

// indexed returns the fields of the existing indexes that are not partial.
func indexed(ctx context.Context, coll *mongo.Collection) ([]string, error) {
	cursor, err := coll.Indexes().List(ctx)
	if err != nil {
		return nil, err
	}
	var specs []struct {
		Key     bson.D `bson:"key"`
		Partial bson.D `bson:"partialFilterExpression"`
	}
	if err := cursor.All(ctx, &specs); err != nil {
		return nil, err
	}
	var all []string
	for _, s := range specs {
		if s.Partial != nil {
			continue
		}
		var names []string
		for _, k := range s.Key {
			names = append(names, k.Key)
		}
		all = append(all, strings.Join(names, " "))
	}
	return all, nil
}
