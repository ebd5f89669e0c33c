package ingest

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
)

// Limits on one part of the listing, and on the memory of earlier parts.
const (
	listedKeys  = 10_000           // keys to read
	listedPage  = 1_000            // keys in one request, S3's limit
	listedLooks = 500              // objects to look at
	listedOnce  = 8                // objects to look at concurrently
	listedTime  = 20 * time.Second // total time
	maxSeen     = 1 << 17          // objects to remember
)

// listing walks the objects below [Adoption.Prefix], one part at a time. Each process
// has its own, which starts at the beginning.
type listing struct {
	mu   sync.Mutex // held while a part is listed
	next time.Time  // when the next part is due
	// token is where the next part starts; nil at the beginning.
	token []byte
	// seen are the objects looked at so far, by key, size and time, hashed with a
	// random seed so that colliding keys can't be crafted.
	seen map[uint64]struct{}
	seed maphash.Seed
}

// listed identifies an object in a listing; it differs between versions.
type listed struct {
	key      string
	size     int64
	modified int64
}

// listAdopted lists the next part of the prefix if it is due, and adopts its objects.
// An object that can't be looked at is tried again in the next round.
func (s *Service) listAdopted(ctx context.Context) error {
	l := &s.listing
	if s.opts.Adopt == nil || !l.mu.TryLock() {
		return nil
	}
	defer l.mu.Unlock()
	now := s.now()
	if now.Before(l.next) {
		return nil
	}
	l.next = now.Add(s.opts.Adopt.ListEvery)
	if l.seen == nil {
		l.seen, l.seed = make(map[uint64]struct{}), maphash.MakeSeed()
	}
	ctx, cancel := context.WithTimeout(ctx, listedTime)
	defer cancel()
	for keys, looks := 0, 0; keys < listedKeys && looks < listedLooks; keys += listedPage {
		start := l.token
		if start == nil {
			start = blob.FirstPageToken
		}
		page, next, err := s.blobs.Bucket().ListPage(ctx, start, listedPage, &blob.ListOptions{Prefix: s.opts.Adopt.Prefix + "/"})
		if err != nil {
			l.token = nil // an expired token would fail every time
			return fmt.Errorf("ingest: list objects to adopt: %w", err)
		}
		looked, err := s.adoptListed(ctx, page, listedLooks-looks)
		if looks += looked; looks == listedLooks && err == nil {
			return nil // the next part reads this page again, for the rest of it
		}
		// Objects that could not be looked at must not hold up the listing; they are
		// tried again in the next round.
		if l.token = next; len(next) == 0 {
			l.token = nil
		}
		if err != nil || l.token == nil {
			return err
		}
	}
	return nil
}

// adoptListed looks at up to most objects of the page that are new to this process, and
// returns how many it looked at.
func (s *Service) adoptListed(ctx context.Context, page []*blob.ListObject, most int) (looked int, err error) {
	l, adopt := &s.listing, s.opts.Adopt
	type look struct {
		sum uint64
		err error
	}
	looks := make([]*look, 0, min(len(page), most))
	var g errgroup.Group
	g.SetLimit(listedOnce)
	for _, object := range page {
		age := time.Since(object.ModTime)
		sum := maphash.Comparable(l.seed, listed{object.Key, object.Size, object.ModTime.UnixNano()})
		if _, seen := l.seen[sum]; seen || age < adopt.ListEvery || age > adopt.MaxAge {
			continue
		}
		if len(looks) == most {
			break
		}
		one := &look{sum: sum}
		looks = append(looks, one)
		g.Go(func() error {
			var code string
			code, one.err = s.adopt(ctx, adoptRequest{key: object.Key})
			s.notAdopted(ctx, object.Key, code)
			return nil
		})
	}
	_ = g.Wait() // each has its own error
	if len(l.seen)+len(looks) > maxSeen {
		clear(l.seen)
	}
	var failed []error
	for _, one := range looks {
		if one.err != nil {
			failed = append(failed, one.err)
			continue
		}
		l.seen[one.sum] = struct{}{}
	}
	if len(failed) > 0 {
		return len(looks), fmt.Errorf("ingest: %d of %d listed objects not looked at: %w", len(failed), len(looks), failed[0])
	}
	return len(looks), nil
}
