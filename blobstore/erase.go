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

// Removed counts objects, each version by itself, and their bytes.
type Removed struct{ Objects, Bytes int64 }

// Add adds what another removal removed.
func (r *Removed) Add(other Removed) {
	r.Objects += other.Objects
	r.Bytes += other.Bytes
}

// VersionRemover is an [UploadSigner] or a [Versions] of a bucket that keeps old versions
// of its objects, which a deletion through Go CDK leaves there.
type VersionRemover interface {
	// RemoveVersions removes all versions of the objects whose keys begin with prefix, or
	// are it where exact is set, the newest one and the marks of deletions among them. With
	// dryRun it only counts them. What is gone already is no error.
	RemoveVersions(ctx context.Context, prefix string, exact, dryRun bool) (Removed, error)
}

// removedAtOnce bounds the deletions under way of one RemoveAll.
const removedAtOnce = 8

// versionRemover is nil where old versions can't be removed, or there are none.
func (s *Store) versionRemover() VersionRemover {
	for _, of := range []any{s.opts.Versions, s.opts.Signer} {
		if r, ok := of.(VersionRemover); ok {
			return r
		}
	}
	return nil
}

// RemovesVersions reports whether [Store.RemoveAll] removes all versions of an object:
// whether the Signer or the Versions of the [Options] is a [VersionRemover].
func (s *Store) RemovesVersions() bool { return s.versionRemover() != nil }

// RemoveAll removes the objects whose keys begin with prefix, or the one whose key it is
// where exact is set, and counts them; with dryRun it only counts. What is gone already
// is no error, so that it can be called again after one. See RemovesVersions.
func (s *Store) RemoveAll(ctx context.Context, prefix string, exact, dryRun bool) (Removed, error) {
	if prefix == "" {
		return Removed{}, ErrKey // an empty prefix would be the whole bucket
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
			if strings.Compare(o.Key, prefix) > 0 { // lists are in order
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
