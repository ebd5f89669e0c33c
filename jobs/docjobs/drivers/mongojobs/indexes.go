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

// ErrIndex: the collection lacks an index that can't be made.
var ErrIndex = errors.New("mongojobs: an index is missing")

// indexes, by their fields. Documents without the fields are in none that is sparse.
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

// makeIndexes makes those that are missing, and the collection with them; or says that
// they are missing.
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
			return fmt.Errorf("%w: of %s, by %s, and it can't be made: %w", ErrIndex, coll.Name(), strings.Join(i.fields, " and "), err)
		}
	}
	return nil
}

// indexed are the fields of the indexes, those that serve here.
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
