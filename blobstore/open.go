package blobstore

import (
	"context"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// URLOpener opens the Stores of a scheme's URLs. Drivers implement it.
type URLOpener interface {
	// OpenStoreURL opens a Store, which knows its bucket's name and signer. An unknown
	// parameter of the URL is an error.
	OpenStoreURL(ctx context.Context, urlstr string) (*Store, error)
}

// URLMux maps the schemes of URLs to openers. It is safe for concurrent use.
type URLMux struct{ mux urlmux.Mux[URLOpener] }

// NewURLMux returns an empty URLMux, for programs that don't want a global registry.
func NewURLMux() *URLMux {
	const cloud = "github.com/fhirdock/fhirdock/blobstore/cloud/"
	return &URLMux{urlmux.Mux[URLOpener]{Package: "blobstore", Imports: map[string]string{
		"s3": cloud + "s3upload", "gs": cloud + "gcsupload", "azblob": cloud + "azureupload",
	}, BuiltIn: []string{"dir", "file", "mem"}}}
}

var defaultURLMux = NewURLMux()

// DefaultURLMux returns the mux that drivers register with when they are imported, and
// that [Open] uses.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener of a scheme. It panics if the scheme has one.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// Open opens the Store of a URL. The error names the package to import if no driver is
// registered for its scheme. Close the Store after use.
func (m *URLMux) Open(ctx context.Context, urlstr string) (*Store, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenStoreURL(ctx, urlstr)
}

// Open opens the Store of a URL with [DefaultURLMux].
func Open(ctx context.Context, urlstr string) (*Store, error) { return defaultURLMux.Open(ctx, urlstr) }
