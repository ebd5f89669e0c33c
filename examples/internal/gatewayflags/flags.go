package gatewayflags

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/drivers"
	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
)

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

// New defines the flags. The returned function checks them after parsing. Its error lists
// what is wrong.
func New() (*envflag.Set, func() (*Config, error)) {
	s := envflag.New("gateway", "FHIRDOCK_", intro)
	c := &Config{}

	s.Group("Front door")
	c.PayloadFlags(s, "64MiB", "100GiB")
	s.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "`HOST:PORT`: where to listen; port 0 takes a free one")
	public := s.String("public-url", "", "`URL`: how clients reach this server, for the upload URLs that it gives out\n(default: http:// and the address)")
	s.StringVar(&c.Role, "role", "all", "`ROLE`: what this process does: all, api (accepts only) or worker (works only)")
	var maxEntry, maxString int64 // the options are of type int
	s.SizeVar(&maxEntry, "max-entry", "64MiB", "`SIZE`: the largest entry of a Bundle or line of NDJSON; reading one payload takes\nup to twice as much memory")
	s.SizeVar(&maxString, "max-string", "", "`SIZE`: the longest string in a payload (default: -max-entry)")
	s.IntVar(&c.Service.MaxDepth, "max-depth", fhirbundle.DefaultMaxDepth, "`LEVELS`: how deep objects and arrays of a payload may nest")
	types := s.String("types", strings.Join(ingest.DefaultBundleTypes(), ","), "`LIST` of accepted Bundle types, comma-separated. Summaries and prescriptions are documents,\n"+
		"query results are searchsets, and notifications in R4 are histories")
	s.IntVar(&c.MaxConnections, "max-connections", 0, "`CONNECTIONS` open at once. For another one, the one idle for longest is closed (default: half of\nthe files that the process may open, at most 4096)")
	s.DurationVar(&c.Body.Stall, "body-stall", 30*time.Second, "`TIME` for which a client may send nothing in the middle of a body")
	s.SizeVar(&c.Body.MinRate, "body-min-rate", "1KiB", "`SIZE` of a body that a client must send in each second, after -body-stall")
	s.DurationVar(&c.Body.Timeout, "body-timeout", 5*time.Minute, "`TIME` for a whole body, plus a second for each 8 KiB of it")

	callers := callerFlags(s)
	s.StringVar(&c.Spool, "spool", "", "`FOLDER` for bodies of signed webhooks above 64 KiB until their signature has been verified\n(default: the system's temporary folder)")
	s.SizeVar(&c.MaxUnverified, "max-unverified", "", "`SIZE` of all bodies of signed webhooks that wait for the verification of their signature;\nmore get a 503 (default: 4 times -max-body)")

	budget := budgetFlags(s)

	s.Group("Where things are kept")
	c.PlaceFlags(s, "./fhirdock-data")
	s.File("topic")
	s.File("jobs")
	s.StringVar(&c.URLs.Subscription, "subscription", "", "`URL`: the subscription of that topic:\n"+drivers.SubscriptionHelp)
	s.File("subscription")
	s.StringVar(&c.URLs.Notifications, "notifications", "", "`URL` of a queue to which only the object store sends, its notifications; the forms are those\nof -subscription. For notifications by HTTP see -notification-secret. Without either, the sweeper\nfinds uploads to a cloud, half a minute later or more")
	s.DurationVar(&c.adoptEvery, "adopt-every", time.Minute, "`TIME` between listings of a part of that prefix, to find objects whose notification was lost")

	s.Group("Work")
	c.WorkFlags(s)
	s.IntVar(&c.Worker.Concurrency, "concurrency", 4, "`JOBS`: how many are processed at once")
	s.Int64Var(&c.Service.MaxOutcomes, "max-outcomes", 10_000, "`N`: how many rejected resources of a job are listed; the others are only counted")
	s.SizeVar(&c.Service.MaxOutcomeBytes, "max-outcome-bytes", "16MiB", "`SIZE` of that list, whichever limit is reached first")
	s.DurationVar(&c.Worker.StallTimeout, "stall-timeout", time.Hour, "`TIME` without a byte read or a batch written after which an attempt is ended and another made")
	s.DurationVar(&c.Sweeper.Every, "sweep-every", 3*time.Second, "`TIME` between checks for jobs that are due")
	s.DurationVar(&c.Service.StoreTimeout, "store-timeout", 2500*time.Millisecond, "`TIME` that a request waits for a job store or bucket that does not answer before it gets a 503")
	s.IntVar(&c.Service.MaxWaiting, "max-waiting", 1_000_000, "`JOBS` that may wait before new payloads get a 503; 0 for any number")
	s.IntVar(&c.Service.MaxWaitingPerOrganization, "max-waiting-per-organization", 0, "`JOBS` of one organization that may wait before its new payloads get a 429 (default: any number)")
	s.DurationVar(&c.Worker.PollInterval, "poll-every", 5*time.Second, "`TIME` between queries for the next job while no wake-up comes")

	retentionFlags(s, &c.keep)

	s.Group("Operation")
	c.OperationFlags(s)
	s.StringVar(&c.AdminAddr, "admin-addr", "", "`HOST:PORT`: a second address for /readyz, /metrics and profiles (/debug/pprof/). Only the\noperator should reach it: it asks for no token (default: none; /readyz and /metrics are on -addr)")
	s.DurationVar(&c.DrainDelay, "drain-delay", 0, "`TIME` for which requests are still accepted after the signal while /readyz fails,\nso that a load balancer notices")
	s.StringVar(&c.LogFormat, "log-format", "text", "`FORMAT`: text or json")

	// An empty value would be taken for the default if a deployment lost its value.
	s.NotEmpty("public-url", "data", "blob", "notifications", "admin-addr")

	return s, func() (*Config, error) {
		var err error
		if c.PublicURL, err = parsePublic(*public); err != nil {
			return nil, err
		}
		if c.Callers, err = callers(c.Serves(), c.open()); err != nil {
			return nil, err
		}
		if err := c.Finish(s); err != nil {
			return nil, err
		}
		if c.Budget, err = budget(); err != nil {
			return nil, err
		}
		if maxEntry > math.MaxInt32 {
			return nil, errors.New("-max-entry must be less than 2GiB")
		}
		if maxString > maxEntry {
			return nil, errors.New("-max-string must not be above -max-entry: a string is part of an entry")
		}
		c.Service.MaxEntryBytes, c.Service.MaxStringBytes = int(maxEntry), int(maxString)
		c.Service.BundleTypes = strings.FieldsFunc(*types, func(r rune) bool { return r == ',' || r == ' ' })
		if c.Service.Adopt != nil {
			c.Service.Adopt.ListEvery = c.adoptEvery
		}
		if c.keep != (ingest.Retention{}) {
			c.Service.Retention = &c.keep
		}
		return c, errors.Join(c.check()...)
	}
}
