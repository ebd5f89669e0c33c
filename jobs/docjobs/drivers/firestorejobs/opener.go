package firestorejobs

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

func init() { jobs.DefaultURLMux().Register("firestore", URLOpener{}) }

// URLOpener opens URLs as [OpenStore] does. Importing this package registers it with
// [jobs.DefaultURLMux] for firestore://.
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener]. It never creates the indexes, so it ignores
// SkipMigrations.
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	store, err := OpenStore(ctx, urlstr)
	if err != nil {
		return nil, err
	}
	return store, nil
}
