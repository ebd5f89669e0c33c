package jobs

import (
	"context"
	"io"
	"log/slog"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// OpenedStore is a Store that was opened by its URL. Close closes what was opened.
type OpenedStore interface {
	Store
	io.Closer
}

// URLOpener opens the Stores of a scheme's URLs. Drivers implement it. An unknown
// parameter of a URL is an error.
type URLOpener interface {
	OpenStoreURL(ctx context.Context, urlstr string, opts *OpenOptions) (OpenedStore, error)
}

// OpenOptions; nil, and zero fields, mean the defaults.
type OpenOptions struct {
	// SkipMigrations leaves the schema as it is, and fails if it is older than the one
	// that this version needs. Default: the schema is migrated.
	SkipMigrations bool
	// Logger; default slog.Default().
	Logger *slog.Logger
}

// URLMux maps the schemes of URLs to openers. It is safe for concurrent use.
type URLMux struct{ mux urlmux.Mux[URLOpener] }

// NewURLMux returns an empty URLMux, for programs that don't want a global registry.
func NewURLMux() *URLMux {
	const jobs = "github.com/fhirdock/fhirdock/jobs/"
	return &URLMux{urlmux.Mux[URLOpener]{Package: "jobs", Imports: map[string]string{
		"sqlite": jobs + "sqljobs/sqlite", "postgres": jobs + "sqljobs/pgx", "postgresql": jobs + "sqljobs/pgx",
		"dynamodb": jobs + "docjobs/drivers/dynamojobs", "firestore": jobs + "docjobs/drivers/firestorejobs",
		"mongo": jobs + "docjobs/drivers/mongojobs",
	}, BuiltIn: []string{"mem"}}}
}

var defaultURLMux = NewURLMux()

// DefaultURLMux returns the mux that drivers register with when they are imported, and
// that [Open] uses.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener of a scheme. It panics if the scheme has one.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// Open opens the Store of a URL. The error names the package to import if no driver is
// registered for its scheme.
func (m *URLMux) Open(ctx context.Context, urlstr string, opts *OpenOptions) (OpenedStore, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	o := OpenOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return opener.OpenStoreURL(ctx, urlstr, &o)
}

// Open opens the Store of a URL with [DefaultURLMux].
func Open(ctx context.Context, urlstr string, opts *OpenOptions) (OpenedStore, error) {
	return defaultURLMux.Open(ctx, urlstr, opts)
}
