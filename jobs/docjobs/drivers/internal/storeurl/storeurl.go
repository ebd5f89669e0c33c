// Package storeurl parses the URLs of job stores.
package storeurl

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Parse parses a URL and checks its scheme and that all parameters are allowed. form is the
// form of such URLs, for errors. No error quotes the URL.
func Parse(scheme, form, raw string, allowed ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != scheme || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("the URL must be %s", form)
	}
	query, err := url.ParseQuery(u.RawQuery) // u.Query ignores malformed parameters
	if err != nil {
		return nil, errors.New("the parameters are malformed")
	}
	for name, values := range query {
		if !slices.Contains(allowed, name) {
			if len(allowed) == 0 {
				return nil, fmt.Errorf("unknown parameter %q; there are none", name)
			}
			return nil, fmt.Errorf("unknown parameter %q; supported are %s", name, strings.Join(allowed, ", "))
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %q is given more than once", name)
		}
		if values[0] == "" {
			return nil, fmt.Errorf("the parameter %q has no value; leave it out for its default", name)
		}
	}
	return u, nil
}
