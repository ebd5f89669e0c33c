package urlmux

import (
	"context"
	"sync"
)

// shared are the resources that are open under one context.
type shared struct {
	mu   sync.Mutex
	open map[string]*resource
}

type resource struct {
	value any
	users int
}

type sharedKey struct{}

// Sharing returns a context under which openers share what they open with [Share].
func Sharing(ctx context.Context) context.Context {
	return context.WithValue(ctx, sharedKey{}, &shared{open: map[string]*resource{}})
}

// Share opens a resource, or returns the one that was opened under the same key and a
// context of the same [Sharing]. Call release once to give it up: the last one closes it.
// Keys of resources of different types must differ.
func Share[T any](ctx context.Context, key string, open func() (T, error), closeIt func(T) error) (value T, release func() error, err error) {
	s, ok := ctx.Value(sharedKey{}).(*shared)
	if !ok {
		value, err = open()
		return value, func() error { return closeIt(value) }, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[key]
	if r == nil {
		if value, err = open(); err != nil {
			return value, nil, err
		}
		r = &resource{value: value}
		s.open[key] = r
	}
	r.users++
	value = r.value.(T)
	return value, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.users--; r.users > 0 {
			return nil
		}
		delete(s.open, key)
		return closeIt(value)
	}, nil
}
