package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/drivers"
	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// config holds the checked flags and variables.
type config struct {
	addr           string
	adminAddr      string   // empty: the operator's routes are on addr
	publicURL      *url.URL // nil: derived from the address listened on
	role           string
	validation     string
	version        string
	maxBody        int64
	maxUpload      int64
	maxEntry       int64
	maxString      int64
	maxDepth       int
	types          []string // of Bundles
	uploadExpiry   time.Duration
	maxConnections int
	bodyStall      time.Duration
	bodyMinRate    int64 // bytes a second
	bodyTimeout    time.Duration
	spool          string // folder; empty: the system's temporary folder
	maxUnverified  int64  // 0: the default
	credentials

	data                              string
	urls                              backends.URLs
	prefix, output, outcomes, staging string // key prefixes
	adopt                             string // key prefix; empty: nothing is adopted
	adoptEvery                        time.Duration
	migrations                        string
	keep                              ingest.Retention

	concurrency     int
	order           string
	batchBytes      int64
	maxWhole        int64
	maxOutcomeBytes int64
	maxAttempts     int
	maxOutcomes     int // of one job
	lease           time.Duration
	sweepEvery      time.Duration
	pollEvery       time.Duration
	storeWait       time.Duration
	maxWaiting      int
	maxWaitingEach  int
	stall           time.Duration
	drain           time.Duration
	drainDelay      time.Duration
	budgets         budgets

	logLevel  slog.Level
	logFormat string
}

// serves reports whether the role has a front door.
func (c *config) serves() bool { return c.role != "worker" }
func (c *config) works() bool  { return c.role != "api" }

const intro = `fhirdock gateway: takes FHIR Bundles and NDJSON files in over HTTP, and makes
NDJSON files of them, one for each job and resource type.

Usage: gateway [flags]
       gateway erase -organization ORG [-job ID] [-dry-run] [flags]
       gateway orphans [-organization ORG] [-remove] [flags]
       gateway jobs list|count|redrive|cancel [-organization ORG] [-state STATE] [flags]

Without flags it serves http://127.0.0.1:8080 and keeps everything in
./fhirdock-data; the bearer token is "dev". Each flag has an environment
variable, which the flag overrides. SIGTERM and SIGINT drain; a second one stops
at once. /healthz, /readyz and /metrics are for the operator, the last two on
-admin-addr if there is one. -version as the last argument prints the version.
`

// flags defines the flags. The returned function checks them after parsing.
func flags() (*envflag.Set, func() (*config, error)) {
	s := envflag.New("gateway", "FHIRDOCK_", intro)
	c := &config{}

	s.Group("Front door")
	s.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`HOST:PORT`: where to listen; port 0 takes a free one")
	public := s.String("public-url", "", "`URL`: how clients reach this server, for the upload URLs that it gives out\n(default: http:// and the address)")
	s.StringVar(&c.role, "role", "all", "`ROLE`: what this process does: all, api (accepts only) or worker (works only)")
	s.StringVar(&c.version, "fhir-version", "R4", "default `VERSION` of FHIR, for a Content-Type without fhirVersion: R4, R4B or R5")
	s.StringVar(&c.validation, "validation", "lenient", "`LEVEL`: lenient returns violations of FHIR's rules as warnings, strict refuses the payload")
	maxBody := s.String("max-body", "64MiB", "`SIZE`: the largest Bundle by webhook; larger ones can be uploaded")
	maxUpload := s.String("max-upload", "100GiB", "`SIZE`: the largest signed upload")
	maxEntry := s.String("max-entry", "64MiB", "`SIZE`: the largest entry of a Bundle or line of NDJSON; reading one payload takes\nup to twice as much memory")
	maxString := s.String("max-string", "", "`SIZE`: the longest string in a payload (default: -max-entry)")
	s.IntVar(&c.maxDepth, "max-depth", fhirbundle.DefaultMaxDepth, "`LEVELS`: how deep objects and arrays of a payload may nest")
	types := s.String("types", strings.Join(ingest.DefaultBundleTypes(), ","), "`LIST` of accepted Bundle types, comma-separated. Summaries and prescriptions are documents,\n"+
		"query results are searchsets, and notifications in R4 are histories")
	s.DurationVar(&c.uploadExpiry, "upload-expiry", time.Hour, "`TIME`: how long an upload URL is valid")
	s.IntVar(&c.maxConnections, "max-connections", 0, "`CONNECTIONS` open at once. For another one, the one idle for longest is closed (default: half of\nthe files that the process may open, at most 4096)")
	s.DurationVar(&c.bodyStall, "body-stall", 30*time.Second, "`TIME` for which a client may send nothing in the middle of a body")
	minRate := s.String("body-min-rate", "1KiB", "`SIZE` of a body that a client must send in each second, after -body-stall")
	s.DurationVar(&c.bodyTimeout, "body-timeout", 5*time.Minute, "`TIME` for a whole body, plus a second for each 8 KiB of it")

	credentials := credentialFlags(s)
	s.StringVar(&c.spool, "spool", "", "`FOLDER` for bodies of signed webhooks above 64 KiB until their signature has been verified\n(default: the system's temporary folder)")
	maxUnverified := s.String("max-unverified", "", "`SIZE` of all bodies of signed webhooks that wait for the verification of their signature;\nmore get a 503 (default: 4 times -max-body)")

	budgets := budgetFlags(s)

	s.Group("Where things are kept")
	s.StringVar(&c.data, "data", "./fhirdock-data", "`FOLDER` for everything that is embedded: objects, jobs, the secret that signs URLs")
	s.StringVar(&c.urls.Blob, "blob", "", "`URL`: the bucket (default: a folder in -data): "+drivers.BlobHelp)
	s.StringVar(&c.prefix, "prefix", "incoming/fhir", "`PREFIX` of the keys of payloads; the prefixes must not overlap")
	s.StringVar(&c.output, "output-prefix", "processed", "`PREFIX` of the keys of the NDJSON files that are made from payloads")
	s.StringVar(&c.outcomes, "outcomes-prefix", "outcomes", "`PREFIX` of the keys of the files that list rejected resources")
	s.StringVar(&c.staging, "staging-prefix", "staging", "`PREFIX` of the keys of intermediate parts, which are kept until their job ends")
	s.StringVar(&c.urls.Topic, "topic", "", "`URL`: the topic for wake-ups (default: within the process):\n"+drivers.TopicHelp)
	s.File("topic")
	s.StringVar(&c.urls.Subscription, "subscription", "", "`URL`: the subscription of that topic:\n"+drivers.SubscriptionHelp)
	s.File("subscription")
	s.StringVar(&c.urls.Notifications, "notifications", "", "`URL` of a queue to which only the object store sends, its notifications; the forms are those\nof -subscription. For notifications by HTTP see -notification-secret. Without either, the sweeper\nfinds uploads to a cloud, half a minute later or more")
	s.StringVar(&c.adopt, "adopt", "", "make a job of each object below `PREFIX`/ORG/, for example of one copied there with\naws s3 cp dump.ndjson s3://BUCKET/PREFIX/ORG/. The key says which organization owns the object,\nso only you should be able to write there. It must not overlap the other prefixes (default: none)")
	s.DurationVar(&c.adoptEvery, "adopt-every", time.Minute, "`TIME` between listings of a part of that prefix, to find objects whose notification was lost")
	s.StringVar(&c.urls.Jobs, "jobs", "", "`URL`: the job store (default: a file in -data): "+drivers.JobsHelp)
	s.File("jobs")
	s.StringVar(&c.migrations, "migrations", "run", "`WHAT` to do if the job store's schema is older than this program: run migrates it, one process\n"+
		"at a time; skip refuses to start; only migrates it and exits, for when services lack the\nprivileges")

	s.Group("Work")
	s.IntVar(&c.concurrency, "concurrency", 4, "`JOBS`: how many are processed at once")
	s.StringVar(&c.order, "order", "none", "`ORDER` of an organization's jobs: none, or park or block to process them one at a time, oldest\nfirst; a failed job lets later ones pass (park) or not (block). It must be the same for all workers")
	batchBytes := s.String("batch-bytes", "8MiB", "`SIZE` of the batches in which NDJSON and large Bundles are processed")
	maxWhole := s.String("max-whole", "64MiB", "`SIZE`: the largest transaction or message Bundle; it is held in memory as a whole")
	s.IntVar(&c.maxOutcomes, "max-outcomes", 10_000, "`N`: how many rejected resources of a job are listed; the others are only counted")
	maxOutcomeBytes := s.String("max-outcome-bytes", "16MiB", "`SIZE` of that list, whichever limit is reached first")
	s.IntVar(&c.maxAttempts, "max-attempts", 10, "`ATTEMPTS` at a job before it fails")
	s.DurationVar(&c.lease, "lease", 0, "`TIME`: how long a job stays with a worker that has stopped renewing it (default: 30s, or 6s\nwith -order)")
	s.DurationVar(&c.stall, "stall-timeout", time.Hour, "`TIME` without a byte read or a batch written after which an attempt is ended and another made")
	s.DurationVar(&c.sweepEvery, "sweep-every", 3*time.Second, "`TIME` between checks for jobs that are due")
	s.DurationVar(&c.storeWait, "store-timeout", 2500*time.Millisecond, "`TIME` that a request waits for a job store or bucket that does not answer before it gets a 503")
	s.IntVar(&c.maxWaiting, "max-waiting", 1_000_000, "`JOBS` that may wait before new payloads get a 503; 0 for any number")
	s.IntVar(&c.maxWaitingEach, "max-waiting-per-organization", 0, "`JOBS` of one organization that may wait before its new payloads get a 429 (default: any number)")
	s.DurationVar(&c.pollEvery, "poll-every", 5*time.Second, "`TIME` between queries for the next job while no wake-up comes")

	retentionFlags(s, &c.keep)

	s.Group("Operation")
	s.StringVar(&c.adminAddr, "admin-addr", "", "`HOST:PORT`: a second address for /readyz, /metrics and profiles (/debug/pprof/). Only the\noperator should reach it: it asks for no token (default: none; /readyz and /metrics are on -addr)")
	s.DurationVar(&c.drain, "drain-timeout", 20*time.Second, "`TIME` that requests and batches in progress may take after the signal to stop. Bodies that are\nstill being read then get a 503")
	s.DurationVar(&c.drainDelay, "drain-delay", 0, "`TIME` for which requests are still accepted after the signal while /readyz fails,\nso that a load balancer notices")
	level := s.String("log-level", "info", "`LEVEL`: debug, info, warn or error; Python's names are taken too")
	s.StringVar(&c.logFormat, "log-format", "text", "`FORMAT`: text or json")

	// An empty value would be taken for the default if a deployment lost its value.
	s.NotEmpty("public-url", "data", "blob", "notifications", "admin-addr")

	return s, func() (*config, error) {
		var err error
		if c.publicURL, err = parsePublic(*public); err != nil {
			return nil, err
		}
		if c.credentials, err = credentials(c.serves(), c.open()); err != nil {
			return nil, err
		}
		if c.budgets, err = budgets(); err != nil {
			return nil, err
		}
		if c.maxBody, err = size("max-body", *maxBody); err != nil {
			return nil, err
		}
		if *maxUnverified != "" {
			if c.maxUnverified, err = size("max-unverified", *maxUnverified); err != nil {
				return nil, err
			}
			if c.maxUnverified < 2*c.maxBody {
				return nil, errors.New("-max-unverified must be at least twice -max-body")
			}
		}
		if c.bodyMinRate, err = size("body-min-rate", *minRate); err != nil {
			return nil, err
		}
		if c.maxConnections < 0 {
			return nil, errors.New("-max-connections must not be negative")
		}
		if c.maxUpload, err = size("max-upload", *maxUpload); err != nil {
			return nil, err
		}
		if c.maxEntry, err = size("max-entry", *maxEntry); err != nil {
			return nil, err
		}
		if c.maxEntry > math.MaxInt32 {
			return nil, errors.New("-max-entry must be less than 2GiB")
		}
		if c.batchBytes, err = size("batch-bytes", *batchBytes); err != nil {
			return nil, err
		}
		if c.maxWhole, err = size("max-whole", *maxWhole); err != nil {
			return nil, err
		}
		if c.maxOutcomeBytes, err = size("max-outcome-bytes", *maxOutcomeBytes); err != nil {
			return nil, err
		}
		if c.maxString = c.maxEntry; *maxString != "" {
			if c.maxString, err = size("max-string", *maxString); err != nil {
				return nil, err
			}
			if c.maxString > c.maxEntry {
				return nil, errors.New("-max-string must not be above -max-entry: a string is part of an entry")
			}
		}
		c.types = strings.FieldsFunc(*types, func(r rune) bool { return r == ',' || r == ' ' })
		if c.logLevel, err = logtext.ParseLevel(*level); err != nil {
			return nil, fmt.Errorf("-log-level %w", err)
		}
		return c, errors.Join(c.check()...)
	}
}

// check returns all errors in the flags.
func (c *config) check() []error {
	var errs []error
	one := func(flag, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		errs = append(errs, fmt.Errorf("-%s must be %s", flag, strings.Join(allowed, " or ")))
	}
	one("role", c.role, "all", "api", "worker")
	one("fhir-version", c.version, "R4", "R4B", "R5")
	one("validation", c.validation, "lenient", "strict")
	one("migrations", c.migrations, "run", "skip", "only")
	one("order", c.order, "none", "park", "block")
	one("log-format", c.logFormat, "text", "json")

	for _, f := range []struct {
		flag  string
		value int64
	}{
		{"max-depth", int64(c.maxDepth)}, {"concurrency", int64(c.concurrency)}, {"max-attempts", int64(c.maxAttempts)}, {"max-outcomes", int64(c.maxOutcomes)},
		{"stall-timeout", int64(c.stall)}, {"body-stall", int64(c.bodyStall)}, {"body-timeout", int64(c.bodyTimeout)}, {"adopt-every", int64(c.adoptEvery)},
		{"sweep-every", int64(c.sweepEvery)}, {"store-timeout", int64(c.storeWait)}, {"poll-every", int64(c.pollEvery)}, {"drain-timeout", int64(c.drain)}, {"upload-expiry", int64(c.uploadExpiry)},
	} {
		if f.value <= 0 {
			errs = append(errs, fmt.Errorf("-%s must be more than zero", f.flag))
		}
	}
	errs = append(errs, c.checkPrefixes()...)
	errs = append(errs, c.checkRetention()...)
	if err := (&fhirbundle.Options{Types: c.types}).Check(); err != nil {
		errs = append(errs, fmt.Errorf("-types: %w", err))
	}
	if len(c.types) == 0 {
		errs = append(errs, errors.New("-types must name a type of Bundles"))
	}
	if c.maxWaiting < 0 || c.maxWaitingEach < 0 {
		errs = append(errs, errors.New("-max-waiting and -max-waiting-per-organization must not be negative"))
	}
	if c.lease < 0 {
		errs = append(errs, errors.New("-lease must not be negative"))
	}
	if c.drainDelay < 0 {
		errs = append(errs, errors.New("-drain-delay must not be negative"))
	}
	if c.maxWhole < c.maxBody {
		errs = append(errs, errors.New("-max-whole must not be below -max-body: accepted payloads would fail as too large"))
	}
	if (c.urls.Topic == "") != (c.urls.Subscription == "") && c.works() {
		errs = append(errs, errors.New("-topic and -subscription go together"))
	}
	if c.adminAddr != "" {
		if _, _, err := net.SplitHostPort(c.adminAddr); err != nil {
			errs = append(errs, errors.New("-admin-addr must be HOST:PORT"))
		}
	}
	host, _, err := net.SplitHostPort(c.addr)
	if err != nil {
		return append(errs, errors.New("-addr must be HOST:PORT"))
	}
	if !c.serves() {
		return errs
	}
	if ip := net.ParseIP(host); c.publicURL == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		errs = append(errs, errors.New("-public-url is needed if -addr names no host: upload URLs need one that clients can reach"))
	}
	return errs
}

// open reports whether the front door can be reached from other machines, on its own
// address or through its public URL.
func (c *config) open() bool {
	host, _, err := net.SplitHostPort(c.addr)
	return err == nil && !loopback(host) || c.publicURL != nil && !loopback(c.publicURL.Hostname())
}

func size(flag, value string) (int64, error) {
	n, err := humanize.ParseBytes(value)
	if err != nil || n == 0 || n > 1<<62 {
		return 0, fmt.Errorf("-%s must be a size such as 500KB, 64MiB or 10GB", flag)
	}
	return int64(n), nil
}

func parsePublic(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("-public-url must be http://HOST or https://HOST, without a path or a user")
	}
	return u, nil
}
