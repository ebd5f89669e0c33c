package blobstore

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
)

// Removed counts removed objects, each version separately, and their bytes.
type Removed struct{ Objects, Bytes int64 }

// Add adds the counts of another removal.
func (r *Removed) Add(other Removed) {
	r.Objects += other.Objects
	r.Bytes += other.Bytes
}

// VersionRemover is implemented by a [Signer] or [Versions] whose bucket keeps old
// versions of its objects. A deletion through Go CDK leaves those in place.
type VersionRemover interface {
	// RemoveVersions removes all versions, including the newest one and delete markers, of
	// the objects whose keys begin with prefix, or equal it if exact is set. With dryRun
	// it only counts them. It is no error if a version is gone already.
	RemoveVersions(ctx context.Context, prefix string, exact, dryRun bool) (Removed, error)
}

// removedAtOnce is the maximum number of concurrent deletions in one RemoveAll.
const removedAtOnce = 8

// versionRemover returns nil if there are no old versions, or they can't be removed.
func (s *Store) versionRemover() VersionRemover {
	for _, of := range []any{s.opts.Versions, s.opts.Signer} {
		if r, ok := of.(VersionRemover); ok {
			return r
		}
	}
	return nil
}

// RemovesVersions reports whether [Store.RemoveAll] removes all versions of an object:
// whether Signer or Versions of the [Options] is a [VersionRemover].
func (s *Store) RemovesVersions() bool { return s.versionRemover() != nil }

// RemoveAll removes the objects whose keys begin with prefix, or equal it if exact is set,
// and counts them. With dryRun it only counts. It is no error if an object is gone
// already, so RemoveAll can be called again after an error. See RemovesVersions.
func (s *Store) RemoveAll(ctx context.Context, prefix string, exact, dryRun bool) (Removed, error) {
	if prefix == "" {
		return Removed{}, ErrKey // an empty prefix would mean the whole bucket
	}
	if r := s.versionRemover(); r != nil {
		removed, err := r.RemoveVersions(ctx, prefix, exact, dryRun)
		if err != nil {
			err = wrap("remove versions", err)
		}
		return removed, err
	}
	var objects, bytes atomic.Int64
	var g errgroup.Group
	g.SetLimit(removedAtOnce)
	it := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	var failed error
	for {
		o, err := it.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			failed = wrap("list objects", err)
			break
		}
		if exact && o.Key != prefix {
			if strings.Compare(o.Key, prefix) > 0 { // lists are sorted
				break
			}
			continue
		}
		g.Go(func() error {
			if !dryRun {
				if err := s.Delete(ctx, o.Key); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
			}
			objects.Add(1)
			bytes.Add(o.Size)
			return nil
		})
	}
	err := errors.Join(g.Wait(), failed)
	return Removed{objects.Load(), bytes.Load()}, err
}
