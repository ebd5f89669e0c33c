package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/drivers"
	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// settings holds the environment. Variables have the gateway's names and values, except
// those of the authorizer.
type settings struct {
	blob, topic, jobs string
	migrations        string
	data              string

	// Prefixes of the worker's output, and of parts that are kept until a job ends.
	output, staging string

	service   ingest.Options
	worker    ingest.WorkerOptions
	sweeper   ingest.SweeperOptions
	claims    auth.APIGatewayOptions
	publicURL *url.URL // nil: from each event

	logLevel slog.Level
}

// AWS limits: a Lambda event has at most 6 MB, and S3 accepts 5 GiB in one PUT.
const (
	defaultMaxBody   = "6MiB"
	defaultMaxUpload = "5GiB"
)

func parseSettings(getenv func(string) string) (*settings, error) {
	v := envflag.New("lambda", "FHIRDOCK_", "")
	s := &settings{}
	v.StringVar(&s.blob, "blob", "", "`URL`: the bucket: "+drivers.BlobHelp)
	v.StringVar(&s.topic, "topic", "", "`URL`: the topic for wake-ups")
	v.StringVar(&s.jobs, "jobs", "", "`URL`: the job store")
	v.StringVar(&s.migrations, "migrations", "run", "`WHAT`: run or skip")
	v.StringVar(&s.data, "data", "/tmp/fhirdock", "`FOLDER` for the back ends' files")

	v.StringVar(&s.service.Prefix, "prefix", "incoming/fhir", "`PREFIX` of payloads")
	v.StringVar(&s.output, "output-prefix", "processed", "`PREFIX` of the files of resources")
	v.StringVar(&s.service.OutcomesPrefix, "outcomes-prefix", "outcomes", "`PREFIX` of the files that list rejected resources")
	v.StringVar(&s.staging, "staging-prefix", "staging", "`PREFIX` of parts that are kept until their job ends")
	adopt := v.String("adopt", "", "`PREFIX`: make a job of each object below PREFIX/ORG/ (default: none)")

	v.StringVar(&s.claims.Organization, "organization-claim", "organizationId", "`NAME` of the organization's id in the authorizer's context")
	v.StringVar(&s.claims.OrganizationName, "organization-name-claim", "organizationName", "`NAME` of the organization's name there")
	v.StringVar(&s.claims.User, "user-claim", "", "`NAME` of the user's id there (default: userId, sub or principalId)")
	public := v.String("public-url", "", "`URL` of the front door for clients, with the stage or the mapping's path\n(default: from each event)")

	validation := v.String("validation", "lenient", "`LEVEL`: lenient or strict")
	version := v.String("fhir-version", "R4", "`VERSION`: R4, R4B or R5")
	maxBody := v.String("max-body", defaultMaxBody, "`SIZE`: the largest Bundle by webhook")
	maxUpload := v.String("max-upload", defaultMaxUpload, "`SIZE`: the largest signed upload")
	v.DurationVar(&s.service.UploadExpiry, "upload-expiry", time.Hour, "`TIME`: how long an upload URL can be used")
	v.IntVar(&s.service.MaxAttempts, "max-attempts", 10, "`ATTEMPTS` at a job before it fails")
	v.IntVar(&s.sweeper.Poke, "poke", 100, "maximum number of waiting `JOBS` that each call of the sweeper wakes")

	batchBytes := v.String("batch-bytes", "8MiB", "`SIZE` of batches")
	maxWhole := v.String("max-whole", "64MiB", "`SIZE`: the largest Bundle that is held in memory as a whole")
	v.DurationVar(&s.worker.Lease, "lease", 0, "`TIME`: how long a job stays with a worker that has stopped renewing it (default: 30s, or 6s with an order)")
	v.DurationVar(&s.worker.DrainTimeout, "drain-timeout", 20*time.Second, "`TIME` before the function's deadline after which no batch is started")
	order := v.String("order", "none", "`ORDER`: none, park or block")
	level := v.String("log-level", "info", "`LEVEL`: debug, info, warn or error")
	lookup := func(name string) (string, bool) {
		value := getenv(name)
		return value, value != "" // the template may set empty parameters
	}
	if err := v.Parse(nil, lookup); err != nil {
		return nil, err
	}

	var errs []error
	size := func(name, value string, into *int64) {
		n, err := humanize.ParseBytes(value)
		if err != nil || n == 0 || n > 1<<62 {
			errs = append(errs, fmt.Errorf("%s must be a size such as 500KB, 64MiB or 10GB", v.Variable(name)))
		}
		*into = int64(n)
	}
	size("max-body", *maxBody, &s.service.MaxBodyBytes)
	size("max-upload", *maxUpload, &s.service.MaxUploadBytes)
	size("batch-bytes", *batchBytes, &s.worker.BatchBytes)
	size("max-whole", *maxWhole, &s.worker.MaxWholeBytes)
	for name, value := range map[string]string{"blob": s.blob, "topic": s.topic, "jobs": s.jobs} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is missing: functions keep no data of their own", v.Variable(name)))
		}
	}
	if s.migrations != "run" && s.migrations != "skip" {
		errs = append(errs, fmt.Errorf("%s must be run or skip", v.Variable("migrations")))
	}
	s.service.StagingPrefix = s.staging
	if *adopt != "" {
		s.service.Adopt = &ingest.Adoption{Prefix: *adopt, Reserved: []string{s.output}}
	}
	s.service.Level, s.service.FHIRVersion = fhirbundle.Level(*validation), fhirbundle.Version(*version)
	if *order != "none" {
		s.worker.OrderPerOrganization, s.worker.HeadOfLine = true, ingest.HeadOfLine(*order)
	}
	var err error
	if s.logLevel, err = logtext.ParseLevel(*level); err != nil {
		errs = append(errs, fmt.Errorf("%s %w", v.Variable("log-level"), err))
	}
	if *public != "" {
		u, err := url.Parse(strings.TrimSuffix(*public, "/"))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			errs = append(errs, fmt.Errorf("%s must be https://HOST, with or without a path", v.Variable("public-url")))
		}
		s.publicURL = u
	}
	return s, errors.Join(errs...)
}
