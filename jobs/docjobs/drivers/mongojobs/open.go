package mongojobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/mongodocstore"

	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/internal/storeurl"
)

// Scheme of the URLs that [OpenStore] opens.
const Scheme = mongodocstore.Scheme

// ServerVariable is the environment variable with the connection string of the
// server, as Go CDK has it. A password is in there, not in the store's URL.
const ServerVariable = "MONGO_SERVER_URL"

const form = "mongo://DATABASE/COLLECTION"

// Options of a store; nil, and zero fields, mean the defaults.
type Options struct {
	docjobs.Options
	// SkipIndexes makes opening fail with [ErrIndex] where indexes are missing.
	// Default: they are made.
	SkipIndexes bool
}

// Store is a job store, and the connections that it stands on.
type Store struct {
	*docjobs.Store
	coll  *docstore.Collection
	close func() error
}

// Close ends the use of the collection. It closes the connections that [OpenStore]
// opened.
func (s *Store) Close() error { return errors.Join(s.coll.Close(), s.close()) }

// OpenStore opens a URL like mongo://DATABASE/COLLECTION on the server that
// [ServerVariable] names, as [Open] does. The URL has no parameters. No error quotes
// the connection string.
func OpenStore(ctx context.Context, url string, opts *Options) (*Store, error) {
	u, err := storeurl.Parse(Scheme, form, url)
	name := ""
	if err == nil {
		if name = strings.TrimPrefix(u.Path, "/"); name == "" || strings.Contains(name, "/") {
			err = errors.New("the URL must be " + form)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %w", err)
	}
	server := os.Getenv(ServerVariable)
	if server == "" {
		return nil, fmt.Errorf("mongojobs: open store: %s must be the server's connection string", ServerVariable)
	}
	o := options.Client().ApplyURI(server)
	if o.Validate() != nil {
		return nil, fmt.Errorf("mongojobs: open store: %s is not a connection string", ServerVariable)
	}
	client, err := mongo.Connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %s is not a connection string", ServerVariable)
	}
	disconnect := func() error { return client.Disconnect(context.WithoutCancel(ctx)) }
	s, err := Open(ctx, client.Database(u.Host).Collection(name), opts)
	if err != nil {
		return nil, errors.Join(err, disconnect())
	}
	s.close = disconnect
	return s, nil
}

// Open opens a collection, whose client stays the caller's. It sets the collection's
// concerns itself: writes are acknowledged by a majority, reads are of the primary
// and linearizable. Indexes that are missing are made. It is an error if they can't
// be, or if the collection has a collation of its own, which would have another order.
func Open(ctx context.Context, mongoColl *mongo.Collection, opts *Options) (*Store, error) {
	if mongoColl == nil {
		return nil, errors.New("mongojobs: open store: a collection is needed")
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	set := options.Collection().SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())
	replicated, err := inReplicaSet(ctx, mongoColl.Database())
	if err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %w", err)
	}
	if replicated { // a server that stands alone knows no such reads, and needs none
		set.SetReadConcern(readconcern.Linearizable())
	}
	mongoColl = mongoColl.Database().Collection(mongoColl.Name(), set)
	if err := checkCollation(ctx, mongoColl); err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %w", err)
	}
	if err := makeIndexes(ctx, mongoColl, o.SkipIndexes); err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %w", err)
	}
	coll, err := mongodocstore.OpenCollection(mongoColl, docjobs.KeyField, nil)
	if err != nil {
		return nil, fmt.Errorf("mongojobs: open store: %w", err)
	}
	store, err := docjobs.Open(ctx, coll, docjobs.MongoDB, &o.Options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mongojobs: %w", err), coll.Close())
	}
	return &Store{Store: store, coll: coll, close: func() error { return nil }}, nil
}

// inReplicaSet asks the server what it is.
// https://www.mongodb.com/docs/manual/reference/command/hello/
func inReplicaSet(ctx context.Context, db *mongo.Database) (bool, error) {
	var hello struct {
		SetName string `bson:"setName"`
		Message string `bson:"msg"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return false, fmt.Errorf("ask the server: %w", err)
	}
	return hello.SetName != "" || hello.Message == "isdbgrid", nil
}

// checkCollation refuses a collection whose order of text is not that of its bytes.
func checkCollation(ctx context.Context, coll *mongo.Collection) error {
	specs, err := coll.Database().ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: coll.Name()}})
	if err != nil {
		return fmt.Errorf("look at the collection: %w", err)
	}
	for _, s := range specs {
		if _, err := s.Options.LookupErr("collation"); s.Options != nil && err == nil {
			return fmt.Errorf("the collection %s has a collation: the order must be that of bytes", coll.Name())
		}
	}
	return nil
}
