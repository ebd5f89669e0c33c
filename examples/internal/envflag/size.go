package envflag

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

// size is a flag whose value is a number of bytes.
type size struct {
	name  string
	value *string
	to    *int64
}

// SizeVar defines a flag for a number of bytes above zero, such as 64MiB, which
// [Set.ReadSizes] stores in p. If the default is empty, an empty value leaves p as it is.
func (s *Set) SizeVar(p *int64, name, value, usage string) {
	s.sizes = append(s.sizes, size{name, s.String(name, value, usage), p})
}

// ReadSizes stores all sizes after Parse. The error has a line for each invalid one, in
// the order of their definition.
func (s *Set) ReadSizes() error {
	var errs []error
	for _, f := range s.sizes {
		if *f.value == "" && s.Lookup(f.name).DefValue == "" {
			continue
		}
		n, err := s.ParseSize(f.name, *f.value)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*f.to = n
	}
	return errors.Join(errs...)
}

// ParseSize parses a number of bytes above zero. The error names the flag.
func (s *Set) ParseSize(flag, value string) (int64, error) {
	n, err := humanize.ParseBytes(value)
	if err != nil || n == 0 || n > 1<<62 {
		return 0, fmt.Errorf("%s must be a size such as 500KB, 64MiB or 10GB", s.Name(flag))
	}
	return int64(n), nil
}
