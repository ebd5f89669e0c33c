// Package pipelineflags defines the flags that the gateway and the Lambda functions share:
// where things are kept, and how payloads and jobs are handled.
package pipelineflags

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/drivers"
	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// Pipeline holds the flags as options of the library. Call its methods for flags, then
// Parse of the set, and then Finish. A program may define more flags for the same options.
type Pipeline struct {
	URLs       backends.URLs
	Data       string // folder
	Migrations string // what to do with an older schema of the job store, such as run or skip

	Service ingest.Options
	Worker  ingest.WorkerOptions
	Sweeper ingest.SweeperOptions
	Lake    sink.LakeOptions

	LogLevel slog.Level

	adopt, order, level string
}

// PayloadFlags defines how payloads are accepted. maxBody and maxUpload are defaults.
func (p *Pipeline) PayloadFlags(s *envflag.Set, maxBody, maxUpload string) {
	s.StringVar((*string)(&p.Service.FHIRVersion), "fhir-version", "R4", "default `VERSION` of FHIR, for a Content-Type without fhirVersion: R4, R4B or R5")
	s.StringVar((*string)(&p.Service.Level), "validation", "lenient", "`LEVEL`: lenient returns violations of FHIR's rules as warnings, strict refuses the payload")
	s.SizeVar(&p.Service.MaxBodyBytes, "max-body", maxBody, "`SIZE`: the largest Bundle by webhook; larger ones can be uploaded")
	s.SizeVar(&p.Service.MaxUploadBytes, "max-upload", maxUpload, "`SIZE`: the largest signed upload")
	s.DurationVar(&p.Service.UploadExpiry, "upload-expiry", time.Hour, "`TIME`: how long an upload URL is valid")
}

// PlaceFlags defines where things are kept. data is the default folder.
func (p *Pipeline) PlaceFlags(s *envflag.Set, data string) {
	s.StringVar(&p.Data, "data", data, "`FOLDER` for everything that is embedded: objects, jobs, the secret that signs URLs")
	s.StringVar(&p.URLs.Blob, "blob", "", "`URL`: the bucket (default: a folder in -data): "+drivers.BlobHelp)
	s.StringVar(&p.Service.Prefix, "prefix", "incoming/fhir", "`PREFIX` of the keys of payloads; the prefixes must not overlap")
	s.StringVar(&p.Lake.Prefix, "output-prefix", "processed", "`PREFIX` of the keys of the NDJSON files that are made from payloads")
	s.StringVar(&p.Service.OutcomesPrefix, "outcomes-prefix", "outcomes", "`PREFIX` of the keys of the files that list rejected resources")
	s.StringVar(&p.Service.StagingPrefix, "staging-prefix", "staging", "`PREFIX` of the keys of intermediate parts, which are kept until their job ends")
	s.StringVar(&p.adopt, "adopt", "", "make a job of each object below `PREFIX`/ORG/, for example of one copied there with\naws s3 cp dump.ndjson s3://BUCKET/PREFIX/ORG/. The key says which organization owns the object,\nso only you should be able to write there. It must not overlap the other prefixes (default: none)")
	s.StringVar(&p.URLs.Topic, "topic", "", "`URL`: the topic for wake-ups (default: within the process):\n"+drivers.TopicHelp)
	s.StringVar(&p.URLs.Jobs, "jobs", "", "`URL`: the job store (default: a file in -data): "+drivers.JobsHelp)
	s.StringVar(&p.Migrations, "migrations", "run", "`WHAT` to do if the job store's schema is older than this program: run migrates it, one process\n"+
		"at a time; skip refuses to start; only migrates it and exits, for when services lack the\nprivileges")
}

// WorkFlags defines how jobs are processed.
func (p *Pipeline) WorkFlags(s *envflag.Set) {
	s.StringVar(&p.order, "order", "none", "`ORDER` of an organization's jobs: none, or park or block to process them one at a time, oldest\nfirst; a failed job lets later ones pass (park) or not (block). It must be the same for all workers")
	s.SizeVar(&p.Worker.BatchBytes, "batch-bytes", "8MiB", "`SIZE` of the batches in which NDJSON and large Bundles are processed")
	s.SizeVar(&p.Worker.MaxWholeBytes, "max-whole", "64MiB", "`SIZE`: the largest transaction or message Bundle; it is held in memory as a whole")
	s.IntVar(&p.Service.MaxAttempts, "max-attempts", 10, "`ATTEMPTS` in a row that bring a job no further before it fails")
	s.DurationVar(&p.Worker.Lease, "lease", 0, "`TIME`: how long a job stays with a worker that has stopped renewing it (default: 30s, or 6s\nwith -order)")
}

// OperationFlags defines how a process ends, and what it logs.
func (p *Pipeline) OperationFlags(s *envflag.Set) {
	s.DurationVar(&p.Worker.DrainTimeout, "drain-timeout", 20*time.Second, "`TIME` that requests and batches in progress may take after the signal to stop. Bodies that are\nstill being read then get a 503")
	s.StringVar(&p.level, "log-level", "info", "`LEVEL`: debug, info, warn or error; Python's names are taken too")
}

// Finish sets the options that depend on several flags, and all sizes of the set. The error
// lists invalid sizes and levels; it does not check other values.
func (p *Pipeline) Finish(s *envflag.Set) error {
	p.Lake.Staging = p.Service.StagingPrefix + "/lake"
	if p.adopt != "" {
		p.Service.Adopt = &ingest.Adoption{Prefix: p.adopt, Reserved: []string{p.Lake.Prefix}}
	}
	if p.order != "none" {
		p.Worker.OrderPerOrganization, p.Worker.HeadOfLine = true, ingest.HeadOfLine(p.order)
	}
	err := s.ReadSizes()
	var wrong error
	if p.LogLevel, wrong = logtext.ParseLevel(p.level); wrong != nil {
		err = errors.Join(err, fmt.Errorf("%s %w", s.Name("log-level"), wrong))
	}
	return err
}
