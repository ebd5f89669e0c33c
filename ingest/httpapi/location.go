package httpapi

import (
	"errors"
	"net/url"
	"strings"
)

// setBase checks and stores Options.BaseURL.
func (h *api) setBase(base *url.URL) error {
	if base == nil {
		return nil
	}
	absolute := (base.Scheme == "http" || base.Scheme == "https") && base.Host != ""
	path := base.Scheme == "" && base.Host == "" && strings.HasPrefix(base.Path, "/")
	if strings.HasPrefix(base.Path, "//") { // in a Location this would be a host
		return errors.New("httpapi: the path of Options.BaseURL must not begin with //")
	}
	if !absolute && !path || base.Opaque != "" || base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "" {
		return errors.New("httpapi: Options.BaseURL must be http://HOST/PATH, https://HOST/PATH or /PATH, without a user, query or fragment")
	}
	h.base = strings.TrimRight(base.String(), "/")
	h.mount = strings.TrimRight(base.EscapedPath(), "/")
	return nil
}

// jobPath returns the path of a job.
func jobPath(id string) string { return prefix + "/jobs/" + id }

// location returns a path for Location: with the path of Options.BaseURL, and relative to
// the client's host.
func (h *api) location(path string) string { return h.mount + path }

// absolute returns the absolute URL of a path, or the same as location if Options.BaseURL
// has no host.
func (h *api) absolute(path string) string { return h.base + path }
