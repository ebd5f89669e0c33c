package backends

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs/sqlite"
)

// OpenJobs opens the job store alone, for a program that only looks at jobs. Close what it
// returns.
func OpenJobs(ctx context.Context, urlstr string, opts *Options) (jobs.Store, func() error, error) {
	b, o := &Backends{}, opts.withDefaults()
	store, err := b.openJobStore(ctx, urlstr, o)
	if err != nil {
		return nil, nil, err
	}
	return store, func() error { return b.Close(context.WithoutCancel(ctx)) }, nil
}

// Migrate changes the schema of a job store to the one that this version needs, and
// nothing else. In MongoDB it creates the indexes. The tables and indexes of DynamoDB and
// Firestore must be created beforehand; it is an error if they are missing.
func Migrate(ctx context.Context, urlstr string, opts *Options) error {
	o := opts.withDefaults()
	o.SkipMigrations = false
	if urlstr == "" {
		if err := prepare(o.Data, o.Logger); err != nil {
			return err
		}
	}
	b := &Backends{}
	if _, err := b.openJobStore(ctx, urlstr, o); err != nil {
		return err
	}
	return b.Close(ctx)
}

func (b *Backends) openJobs(ctx context.Context, urlstr string, o *Options) (err error) {
	if b.Jobs, err = b.openJobStore(ctx, urlstr, o); err != nil {
		return err
	}
	if file, err := jobsFile(urlstr, o); err == nil {
		return b.openProcesses(file+"-workers", o.Logger)
	}
	return nil
}

func (b *Backends) openJobStore(ctx context.Context, urlstr string, o *Options) (jobs.Store, error) {
	if urlstr == "mem:" || urlstr == "mem://" {
		b.LocalJobs = true
		return jobs.NewMemStore(), nil
	}
	open := func() (jobs.OpenedStore, error) {
		opts := &jobs.OpenOptions{SkipMigrations: o.SkipMigrations, Logger: o.Logger}
		if file, err := jobsFile(urlstr, o); err == nil {
			return sqlite.Open(ctx, file, opts)
		}
		return o.JobStores.Open(ctx, urlstr, opts)
	}
	store, err := open()
	if err != nil {
		return nil, fmt.Errorf("open the job store: %w", err)
	}
	b.closeLater(func(context.Context) error { return store.Close() })
	return store, nil
}

// jobsFile returns the file of the job store, if it is in one.
func jobsFile(urlstr string, o *Options) (string, error) {
	if urlstr == "" {
		return filepath.Join(o.Data, "jobs.sqlite"), nil
	}
	return sqlite.File(urlstr)
}
