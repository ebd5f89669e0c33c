package gatewayflags

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// check returns all errors in the flags.
func (c *Config) check() []error {
	var errs []error
	one := func(flag, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("-%s must be %s", flag, strings.Join(allowed, " or ")))
		}
	}
	one("role", c.Role, "all", "api", "worker")
	one("fhir-version", string(c.Service.FHIRVersion), "R4", "R4B", "R5")
	one("validation", string(c.Service.Level), "lenient", "strict")
	one("migrations", c.Migrations, "run", "skip", "only")
	if c.Worker.OrderPerOrganization {
		one("order", string(c.Worker.HeadOfLine), "none", "park", "block")
	}
	one("log-format", c.LogFormat, "text", "json")

	for _, f := range []struct {
		flag  string
		value int64
	}{
		{"max-depth", int64(c.Service.MaxDepth)}, {"concurrency", int64(c.Worker.Concurrency)}, {"max-attempts", int64(c.Service.MaxAttempts)}, {"max-outcomes", c.Service.MaxOutcomes},
		{"stall-timeout", int64(c.Worker.StallTimeout)}, {"body-stall", int64(c.Body.Stall)}, {"body-timeout", int64(c.Body.Timeout)}, {"adopt-every", int64(c.adoptEvery)},
		{"sweep-every", int64(c.Sweeper.Every)}, {"store-timeout", int64(c.Service.StoreTimeout)}, {"poll-every", int64(c.Worker.PollInterval)}, {"drain-timeout", int64(c.Worker.DrainTimeout)}, {"upload-expiry", int64(c.Service.UploadExpiry)},
	} {
		if f.value <= 0 {
			errs = append(errs, fmt.Errorf("-%s must be more than zero", f.flag))
		}
	}
	errs = append(errs, c.checkPrefixes()...)
	errs = append(errs, c.checkRetention()...)
	if err := (&fhirbundle.Options{Types: c.Service.BundleTypes}).Check(); err != nil {
		errs = append(errs, fmt.Errorf("-types: %w", err))
	}
	if len(c.Service.BundleTypes) == 0 {
		errs = append(errs, errors.New("-types must name a type of Bundles"))
	}
	if c.Service.MaxWaiting < 0 || c.Service.MaxWaitingPerOrganization < 0 {
		errs = append(errs, errors.New("-max-waiting and -max-waiting-per-organization must not be negative"))
	}
	if c.MaxUnverified > 0 && c.MaxUnverified < 2*c.Service.MaxBodyBytes {
		errs = append(errs, errors.New("-max-unverified must be at least twice -max-body"))
	}
	if c.MaxConnections < 0 {
		errs = append(errs, errors.New("-max-connections must not be negative"))
	}
	if c.Worker.Lease < 0 {
		errs = append(errs, errors.New("-lease must not be negative"))
	}
	if c.DrainDelay < 0 {
		errs = append(errs, errors.New("-drain-delay must not be negative"))
	}
	if c.Worker.MaxWholeBytes < c.Service.MaxBodyBytes {
		errs = append(errs, errors.New("-max-whole must not be below -max-body: accepted payloads would fail as too large"))
	}
	if (c.URLs.Topic == "") != (c.URLs.Subscription == "") && c.Works() {
		errs = append(errs, errors.New("-topic and -subscription go together"))
	}
	if c.AdminAddr != "" {
		if _, _, err := net.SplitHostPort(c.AdminAddr); err != nil {
			errs = append(errs, errors.New("-admin-addr must be HOST:PORT"))
		}
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return append(errs, errors.New("-addr must be HOST:PORT"))
	}
	if !c.Serves() {
		return errs
	}
	if ip := net.ParseIP(host); c.PublicURL == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		errs = append(errs, errors.New("-public-url is needed if -addr names no host: upload URLs need one that clients can reach"))
	}
	return errs
}

// checkPrefixes returns errors for invalid prefixes, and for overlapping ones: objects of
// one would be mistaken for objects of the other.
func (c *Config) checkPrefixes() []error {
	var errs []error
	prefixes := []struct{ flag, value string }{
		{"prefix", c.Service.Prefix}, {"output-prefix", c.Lake.Prefix}, {"outcomes-prefix", c.Service.OutcomesPrefix}, {"staging-prefix", c.Service.StagingPrefix},
	}
	if c.Service.Adopt != nil {
		prefixes = append(prefixes, struct{ flag, value string }{"adopt", c.Service.Adopt.Prefix})
	}
	for i, p := range prefixes {
		if !blobstore.ValidKey(p.value) {
			errs = append(errs, fmt.Errorf("-%s must be of [A-Za-z0-9._/-], without a slash at its ends", p.flag))
			continue
		}
		for _, other := range prefixes[:i] {
			if strings.HasPrefix(p.value+"/", other.value+"/") || strings.HasPrefix(other.value+"/", p.value+"/") {
				errs = append(errs, fmt.Errorf("-%s overlaps -%s", p.flag, other.flag))
			}
		}
	}
	return errs
}

// open reports whether the front door can be reached from other machines, on its own
// address or through its public URL.
func (c *Config) open() bool {
	host, _, err := net.SplitHostPort(c.Addr)
	return err == nil && !loopback(host) || c.PublicURL != nil && !loopback(c.PublicURL.Hostname())
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
