package main

import (
	"fmt"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
)

// checkPrefixes returns errors for invalid prefixes, and for overlapping ones: objects of
// one would be mistaken for objects of the other.
func (c *config) checkPrefixes() []error {
	var errs []error
	prefixes := []struct{ flag, value string }{
		{"prefix", c.prefix}, {"output-prefix", c.output}, {"outcomes-prefix", c.outcomes}, {"staging-prefix", c.staging},
	}
	if c.adopt != "" {
		prefixes = append(prefixes, struct{ flag, value string }{"adopt", c.adopt})
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
