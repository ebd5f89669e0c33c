package mongojobs

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

func init() { jobs.DefaultURLMux().Register("mongo", URLOpener{}) }

// URLOpener opens URLs as [OpenStore] does. Importing this package registers it with
// [jobs.DefaultURLMux] for mongo://.
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener]. It creates the indexes unless SkipMigrations
// is set.
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	store, err := OpenStore(ctx, urlstr, &Options{SkipIndexes: opts.SkipMigrations})
	if err != nil {
		return nil, err
	}
	return store, nil
}
