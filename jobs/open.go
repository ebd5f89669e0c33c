package jobs

import (
	"context"
	"io"
	"log/slog"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// OpenedStore is a Store opened by URL. Close closes the store's connections.
type OpenedStore interface {
	Store
	io.Closer
}

// URLOpener opens Stores by URL. Drivers implement it for their schemes. They must reject
// unknown parameters.
type URLOpener interface {
	OpenStoreURL(ctx context.Context, urlstr string, opts *OpenOptions) (OpenedStore, error)
}

// OpenOptions are the options of [Open]. nil and zero fields mean the defaults.
type OpenOptions struct {
	// SkipMigrations makes Open fail if the schema is older than this version needs. By
	// default, Open migrates the schema.
	SkipMigrations bool
	// Logger is for drivers that log. The default is slog.Default().
	Logger *slog.Logger
}

// URLMux maps URL schemes to openers. It is safe for concurrent use.
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

// DefaultURLMux returns the URLMux that [Open] uses. Drivers register with it when they
// are imported.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener for a scheme. It panics if the scheme already has one.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// Open opens the Store at a URL. If no driver is registered for its scheme, the error
// names the package to import.
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

// Open opens the Store at a URL with [DefaultURLMux].
func Open(ctx context.Context, urlstr string, opts *OpenOptions) (OpenedStore, error) {
	return defaultURLMux.Open(ctx, urlstr, opts)
}
