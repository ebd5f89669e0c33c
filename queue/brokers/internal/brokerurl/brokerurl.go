// Package brokerurl parses the URLs of brokers and derives an organization's key.
package brokerurl

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// URL is a parsed URL.
type URL struct {
	// Name is host and path, without slashes at the ends.
	Name string
	// Server is the URL without path and parameters. A password may be in it.
	Server string
	// Host is host and port.
	Host string
	// Path is the path without slashes at the ends.
	Path   string
	Params url.Values
}

// Parse parses a URL with one of the schemes and no parameters but the allowed ones, each
// at most once and with a value. Errors quote nothing of the URL but the name of a
// parameter, since the rest may contain a password.
func Parse(raw string, schemes []string, allowed ...string) (*URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("that is not a URL")
	}
	if !slices.Contains(schemes, u.Scheme) || u.Opaque != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the URL must begin with %s://", strings.Join(schemes, ":// or "))
	}
	params, err := url.ParseQuery(u.RawQuery) // u.Query ignores malformed parameters
	if err != nil {
		return nil, errors.New("the URL's parameters are malformed")
	}
	for name, values := range params {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("unknown parameter %q; there are %s", name, list(allowed))
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %q is given more than once", name)
		}
		if values[0] == "" {
			return nil, fmt.Errorf("the parameter %q has no value; leave it out for its default", name)
		}
	}
	return &URL{
		Name:   strings.Trim(path.Join(u.Host, u.Path), "/"),
		Server: (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String(),
		Host:   u.Host,
		Path:   strings.Trim(u.Path, "/"), Params: params,
	}, nil
}

// HasUser reports whether a URL contains a user.
func HasUser(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User != nil
}

// Bool returns a parameter that must be true or false, or otherwise if it is missing.
func (u *URL) Bool(name string, otherwise bool) (bool, error) {
	if !u.Params.Has(name) {
		return otherwise, nil
	}
	v, err := strconv.ParseBool(u.Params.Get(name))
	if err != nil {
		return false, fmt.Errorf("the parameter %q must be true or false", name)
	}
	return v, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Key returns a key for an organization: its id if that has at most limit characters, all
// of visible ASCII, otherwise the SHA-256 of the id in hexadecimal.
func Key(organization string, limit int) string {
	ok := organization != "" && len(organization) <= limit
	for i := range len(organization) {
		ok = ok && organization[i] > ' ' && organization[i] <= '~'
	}
	if ok {
		return organization
	}
	sum := sha256.Sum256([]byte(organization))
	return hex.EncodeToString(sum[:])
}
