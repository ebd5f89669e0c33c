package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/pipelineflags"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// settings holds the environment. Variables have the gateway's names and values, except
// those of the authorizer and of the sweeper.
type settings struct {
	pipelineflags.Pipeline
	claims    auth.APIGatewayOptions
	publicURL *url.URL // nil: from each event
}

// AWS limits: a Lambda event has at most 6 MB, and S3 accepts 5 GiB in one PUT.
const (
	defaultMaxBody   = "6MiB"
	defaultMaxUpload = "5GiB"
)

func parseSettings(getenv func(string) string) (*settings, error) {
	v := envflag.New("lambda", "FHIRDOCK_", "")
	v.VariablesOnly = true
	s := &settings{}
	s.PlaceFlags(v, "/tmp/fhirdock")
	s.PayloadFlags(v, defaultMaxBody, defaultMaxUpload)
	s.WorkFlags(v)
	s.OperationFlags(v)
	v.IntVar(&s.Sweeper.Poke, "poke", 100, "maximum number of waiting `JOBS` that each call of the sweeper wakes")
	v.StringVar(&s.claims.Organization, "organization-claim", "organizationId", "`NAME` of the organization's id in the authorizer's context")
	v.StringVar(&s.claims.OrganizationName, "organization-name-claim", "organizationName", "`NAME` of the organization's name there")
	v.StringVar(&s.claims.User, "user-claim", "", "`NAME` of the user's id there (default: userId, sub or principalId)")
	public := v.String("public-url", "", "`URL` of the front door for clients, with the stage or the mapping's path\n(default: from each event)")
	lookup := func(name string) (string, bool) {
		value := getenv(name)
		return value, value != "" // the template may set empty parameters
	}
	if err := v.Parse(nil, lookup); err != nil {
		return nil, err
	}

	errs := []error{s.Finish(v)}
	for name, value := range map[string]string{"blob": s.URLs.Blob, "topic": s.URLs.Topic, "jobs": s.URLs.Jobs} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is missing: functions keep no data of their own", v.Variable(name)))
		}
	}
	if s.Migrations != "run" && s.Migrations != "skip" {
		errs = append(errs, fmt.Errorf("%s must be run or skip", v.Variable("migrations")))
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
