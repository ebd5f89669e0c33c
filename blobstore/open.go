package blobstore

import (
	"context"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// URLOpener opens Stores from URLs of one scheme. Drivers implement it.
type URLOpener interface {
	// OpenStoreURL opens a Store. Options that are not set are the driver's: the bucket's
	// name and a Signer. An unknown URL parameter is an error.
	OpenStoreURL(ctx context.Context, urlstr string, opts *Options) (*Store, error)
}

// URLMux maps URL schemes to openers. It is safe for concurrent use.
type URLMux struct{ mux urlmux.Mux[URLOpener] }

// NewURLMux returns an empty URLMux, for programs that don't want a global registry.
func NewURLMux() *URLMux {
	const cloud = "github.com/fhirdock/fhirdock/blobstore/cloud/"
	return &URLMux{urlmux.Mux[URLOpener]{Package: "blobstore", Imports: map[string]string{
		"s3": cloud + "s3upload", "gs": cloud + "gcsupload", "azblob": cloud + "azureupload",
	}, BuiltIn: []string{"dir", "file", "mem"}}}
}

var defaultURLMux = NewURLMux()

// DefaultURLMux returns the mux that [Open] uses. Drivers register with it when they are
// imported.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener of a scheme. It panics if the scheme already has one.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// Open opens the Store at a URL. If no driver is registered for its scheme, the error
// names the package to import. Close the Store after use.
func (m *URLMux) Open(ctx context.Context, urlstr string, opts *Options) (*Store, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenStoreURL(ctx, urlstr, opts)
}

// Open opens the Store at a URL with [DefaultURLMux].
func Open(ctx context.Context, urlstr string, opts *Options) (*Store, error) {
	return defaultURLMux.Open(ctx, urlstr, opts)
}
