package firestorejobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"

	vkit "cloud.google.com/go/firestore/apiv1"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/gcpfirestore"
	"gocloud.dev/gcp"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/internal/storeurl"
)

const form = "firestore://projects/PROJECT/databases/DATABASE/documents/COLLECTION"

var collectionPath = regexp.MustCompile(`^projects/[^/]+/databases/[^/]+/documents/[^/]+(/[^/]+/[^/]+)*$`)

// Store is a job store in a Firestore collection.
type Store struct {
	*docjobs.Store
	coll  *docstore.Collection
	close func()
}

// Close closes the collection, and the connection if it was opened by URL.
func (s *Store) Close() error {
	err := s.coll.Close()
	s.close()
	return err
}

func init() { jobs.DefaultURLMux().Register(gcpfirestore.Scheme, URLOpener{}) }

// URLOpener opens URLs like
// firestore://projects/PROJECT/databases/(default)/documents/COLLECTION, without
// parameters. It uses the default credentials, or none if FIRESTORE_EMULATOR_HOST is set.
// Importing this package registers it with [jobs.DefaultURLMux].
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener]. A missing index is an error. It never creates
// one, so it ignores SkipMigrations.
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, _ *jobs.OpenOptions) (jobs.OpenedStore, error) {
	u, err := storeurl.Parse(gcpfirestore.Scheme, form, urlstr)
	path := ""
	if err == nil {
		if path = u.Host + u.Path; !collectionPath.MatchString(path) {
			err = errors.New("the URL must be " + form)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("firestorejobs: open store: %w", err)
	}
	var source gcp.TokenSource
	if os.Getenv("FIRESTORE_EMULATOR_HOST") == "" {
		credentials, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, fmt.Errorf("firestorejobs: open store: %w", err)
		}
		source = credentials.TokenSource
	}
	client, disconnect, err := gcpfirestore.Dial(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("firestorejobs: open store: %w", err)
	}
	s, err := Open(ctx, client, path, nil)
	if err != nil {
		disconnect()
		return nil, err
	}
	s.close = disconnect
	return s, nil
}

// Open opens a collection by its path, which begins with projects/, with the caller's
// client.
func Open(ctx context.Context, client *vkit.Client, path string, opts *docjobs.Options) (*Store, error) {
	if client == nil {
		return nil, errors.New("firestorejobs: open store: a client is needed")
	}
	if !collectionPath.MatchString(path) {
		return nil, errors.New("firestorejobs: open store: the path must be projects/PROJECT/databases/DATABASE/documents/COLLECTION")
	}
	coll, err := gcpfirestore.OpenCollection(client, path, docjobs.KeyField, nil)
	if err != nil {
		return nil, fmt.Errorf("firestorejobs: open store: %w", err)
	}
	store, err := docjobs.Open(ctx, coll, docjobs.Firestore, opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("firestorejobs: %w", err), coll.Close())
	}
	return &Store{Store: store, coll: coll, close: func() {}}, nil
}
