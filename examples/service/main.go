// Command service is a service to copy: it takes in FHIR data of several organizations and
// writes the Patients into a SQL table, exactly once. The environment variable
// SERVICE_TOKENS has the callers' bearer tokens: TOKEN=ORGANIZATION, separated by spaces.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/promingest"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	c, err := arguments()
	if err == nil {
		err = run(context.Background(), c, log)
	}
	if err != nil {
		log.Error("the service ended", "error", err)
		os.Exit(1)
	}
}

// config is what run needs.
type config struct {
	clients, operators net.Listener
	publicURL          *url.URL // where clients reach the service
	data               string
	tokens             *auth.Tokens
}

// arguments reads the flags and SERVICE_TOKENS, and listens.
func arguments() (*config, error) {
	addr := flag.String("addr", "127.0.0.1:8080", "where clients are served")
	adminAddr := flag.String("admin-addr", "127.0.0.1:9090", "where /healthz, /readyz and /metrics are served, to anyone who can reach it")
	publicURL := flag.String("public-url", "", "where clients reach the service, for upload URLs (default http:// and -addr)")
	data := flag.String("data", "fhirdock-data/service", "folder of payloads, jobs and patients")
	flag.Parse()
	c := &config{data: *data}
	var err error
	if c.publicURL, err = url.Parse(cmp.Or(*publicURL, "http://"+*addr)); err != nil {
		return nil, fmt.Errorf("-public-url: %w", err)
	}
	if c.tokens, err = auth.ParseTokens(strings.Fields(os.Getenv("SERVICE_TOKENS"))...); err != nil {
		return nil, fmt.Errorf("SERVICE_TOKENS: %w", err)
	}
	if c.clients, err = net.Listen("tcp", *addr); err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	if c.operators, err = net.Listen("tcp", *adminAddr); err != nil {
		return nil, fmt.Errorf("-admin-addr: %w", err)
	}
	return c, nil
}

// run serves until ctx is done or the process gets SIGTERM, and then drains.
func run(ctx context.Context, c *config, log *slog.Logger) (err error) {
	// Other back ends are other URLs, and an import of their drivers.
	b, err := backends.Open(ctx, backends.URLs{}, &backends.Options{Data: c.data, BaseURL: c.publicURL, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close(context.WithoutCancel(ctx))) }()
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(c.data, "patients.sqlite")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	patients, err := openPatients(ctx, db)
	if err != nil {
		return err
	}

	metrics, err := promingest.New(nil)
	if err != nil {
		return err
	}
	svc, err := ingest.New(b.Backends, &ingest.Options{Level: fhirbundle.LevelStrict, Observe: metrics.Observe, Logger: log})
	if err != nil {
		return err
	}
	metrics.WatchService(svc)
	health, err := httpapi.NewHealth(svc, &httpapi.HealthOptions{Logger: log})
	if err != nil {
		return err
	}
	health.Require(db.PingContext)
	front, err := frontDoor(b, svc, c.tokens, metrics, log)
	if err != nil {
		return err
	}
	admin, err := adminServer(health, metrics, log)
	if err != nil {
		return err
	}

	log.Info("the service starts", "url", c.publicURL.String(), "admin", c.operators.Addr().String(), "data", c.data)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer admin.Close() // last, so that operators can watch the drain
		return ingest.Serve(ctx, svc, front, patients, &ingest.ServeOptions{Listener: c.clients, Health: health})
	})
	g.Go(func() error {
		if err := admin.Serve(c.operators); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return g.Wait()
}

// frontDoor returns the clients' server: the routes of the API and of uploads, logged and
// counted. Routes of your own go onto the same mux.
func frontDoor(b *backends.Backends, svc *ingest.Service, who auth.Authenticator, metrics *promingest.Metrics, log *slog.Logger) (*http.Server, error) {
	mux := http.NewServeMux()
	if err := b.Mount(mux, svc, who); err != nil {
		return nil, err
	}
	return &http.Server{Handler: httpapi.AccessLog(mux, &httpapi.AccessLogOptions{
		Route: func(path string) string {
			if strings.HasPrefix(path, backends.ObjectsPath+"/") {
				return backends.ObjectsPath + "/{key}"
			}
			return ""
		},
		Observe: metrics.ObserveRequest, Logger: log,
	})}, nil
}

// adminServer returns the operators' server.
func adminServer(health *httpapi.Health, metrics *promingest.Metrics, log *slog.Logger) (*http.Server, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	routes, err := httpapi.NewAdmin(health, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	if err != nil {
		return nil, err
	}
	return &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}, nil
}
