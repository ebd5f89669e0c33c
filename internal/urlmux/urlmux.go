// Package urlmux maps the schemes of URLs to what opens them, as the muxes of Go CDK do.
package urlmux

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Mux maps schemes to openers. The zero value is empty and ready to use. It is safe for
// concurrent use.
type Mux[T any] struct {
	// Package names the mux in errors and panics.
	Package string
	// Imports are the packages that register the known schemes, for errors.
	Imports map[string]string
	// BuiltIn are the schemes that package backends opens by itself, for errors.
	BuiltIn []string

	mu      sync.RWMutex
	openers map[string]T
}

// Register sets the opener of a scheme. It panics if the scheme has one: two imported
// packages claim it.
func (m *Mux[T]) Register(scheme string, opener T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.openers[scheme]; ok {
		panic(fmt.Sprintf("%s: scheme %q is registered twice", m.Package, scheme))
	}
	if m.openers == nil {
		m.openers = map[string]T{}
	}
	m.openers[scheme] = opener
}

// Scheme returns the scheme of a URL, or nothing if it has none. It doesn't parse the rest:
// net/url refuses URLs that drivers take, such as libpq's of several hosts.
func Scheme(urlstr string) string {
	scheme, _, ok := strings.Cut(urlstr, ":")
	if !ok || strings.ContainsFunc(scheme, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789+-.", r)
	}) {
		return ""
	}
	return scheme
}

// Lookup returns the opener of a URL's scheme. The error contains nothing else of the URL,
// which may have a password.
func (m *Mux[T]) Lookup(urlstr string) (opener T, err error) {
	scheme := Scheme(urlstr)
	if scheme == "" {
		return opener, errors.New(m.Package + ": the URL has no scheme; known are " + strings.Join(m.known(), ", "))
	}
	m.mu.RLock()
	opener, ok := m.openers[scheme]
	m.mu.RUnlock()
	switch path := m.Imports[scheme]; {
	case ok:
		return opener, nil
	case path != "":
		return opener, fmt.Errorf("%s: no driver for %s:// is linked in: add import _ %q", m.Package, scheme, path)
	}
	return opener, fmt.Errorf("%s: unknown scheme %s:; known are %s", m.Package, scheme, strings.Join(m.known(), ", "))
}

// known returns all schemes that could be opened, sorted.
func (m *Mux[T]) known() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := slices.AppendSeq(slices.Clone(m.BuiltIn), maps.Keys(m.Imports))
	all = slices.AppendSeq(all, maps.Keys(m.openers))
	slices.Sort(all)
	return slices.Compact(all)
}
