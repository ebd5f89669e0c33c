// Package gatewayflags defines the gateway's flags and environment variables, and checks
// them.
package gatewayflags

import (
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/examples/internal/pipelineflags"
	"github.com/fhirdock/fhirdock/ingest"
)

// Config holds the checked flags, as options of the library where it has them.
type Config struct {
	pipelineflags.Pipeline
	Callers
	Budget Budget

	Addr           string   // HOST:PORT
	AdminAddr      string   // HOST:PORT; empty: the operator's routes are on Addr
	PublicURL      *url.URL // nil: derived from the address listened on
	Role           string   // all, api or worker
	MaxConnections int      // 0: the default
	Body           httpbody.Limits
	Spool          string // folder; empty: the system's temporary folder
	MaxUnverified  int64  // bytes; 0: the default
	DrainDelay     time.Duration
	LogFormat      string // text or json

	adoptEvery time.Duration
	keep       ingest.Retention
}

// Serves reports whether the role has a front door.
func (c *Config) Serves() bool { return c.Role != "worker" }

// Works reports whether the role has a worker.
func (c *Config) Works() bool { return c.Role != "api" }

// LocalJobs reports whether the job store is a file on this machine.
func (c *Config) LocalJobs() bool {
	return c.URLs.Jobs == "" || strings.HasPrefix(c.URLs.Jobs, "sqlite:")
}

// NewLogger returns the gateway's logger, which writes to w.
func (c *Config) NewLogger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel, ReplaceAttr: logtext.Errors}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
