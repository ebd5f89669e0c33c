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

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/internal/storeurl"
)

// ServerVariable is the environment variable with the server's connection string, as in Go
// CDK. It may contain a password, which the store's URL does not.
const ServerVariable = "MONGO_SERVER_URL"

const form = "mongo://DATABASE/COLLECTION"

// Options of a store; nil, and zero fields, mean the defaults.
type Options struct {
	docjobs.Options
	// SkipIndexes makes opening fail with [ErrIndex] if an index is missing. Default:
	// missing indexes are created.
	SkipIndexes bool
}

// Store is a job store in a MongoDB collection.
type Store struct {
	*docjobs.Store
	coll  *docstore.Collection
	close func() error
}

// Close closes the collection, and the connections if it was opened by URL.
func (s *Store) Close() error { return errors.Join(s.coll.Close(), s.close()) }

func init() { jobs.DefaultURLMux().Register(mongodocstore.Scheme, URLOpener{}) }

// URLOpener opens URLs like mongo://DATABASE/COLLECTION, without parameters, on the server
// in [ServerVariable]. Importing this package registers it with [jobs.DefaultURLMux].
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener]; see [Open]. With SkipMigrations a missing index
// is an error. No error quotes the connection string.
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	u, err := storeurl.Parse(mongodocstore.Scheme, form, urlstr)
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
	s, err := Open(ctx, client.Database(u.Host).Collection(name), &Options{SkipIndexes: opts != nil && opts.SkipMigrations})
	if err != nil {
		return nil, errors.Join(err, disconnect())
	}
	s.close = disconnect
	return s, nil
}

// Open opens a collection of the caller's client. It sets the read and write concerns
// itself and creates missing indexes; [ErrIndex] if it can't. A collection with a
// collation is an error, because it would sort differently.
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
	if replicated { // a standalone server does not support linearizable reads, nor need them
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

// inReplicaSet reports whether the server is part of a replica set or a sharded cluster.
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

// checkCollation returns an error if the collection does not sort text by its bytes.
func checkCollation(ctx context.Context, coll *mongo.Collection) error {
	specs, err := coll.Database().ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: coll.Name()}})
	if err != nil {
		return fmt.Errorf("look at the collection: %w", err)
	}
	for _, s := range specs {
		if _, err := s.Options.LookupErr("collation"); s.Options != nil && err == nil {
			return fmt.Errorf("the collection %s has a collation: it must sort by bytes", coll.Name())
		}
	}
	return nil
}
