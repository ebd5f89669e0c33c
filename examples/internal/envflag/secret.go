package envflag

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/secretfile"
)

// NotEmpty makes empty values of these flags and their variables an error. If a shell or
// deployment loses a value, the default must not be used instead.
func (s *Set) NotEmpty(names ...string) { s.notEmpty = append(s.notEmpty, names...) }

// checkEmpty returns an error for each empty flag or variable that must have a value.
func (s *Set) checkEmpty(given map[string]bool, lookup func(string) (string, bool)) error {
	var errs []error
	for _, name := range s.notEmpty {
		value, set := lookup(s.Variable(name))
		switch {
		case given[name] && strings.TrimSpace(s.Lookup(name).Value.String()) == "":
			errs = append(errs, fmt.Errorf("-%s is empty: give it a value, or leave it out for the default", name))
		case !given[name] && set && strings.TrimSpace(value) == "":
			errs = append(errs, fmt.Errorf("%s is set and empty: give it a value, or unset it for the default", s.Variable(name)))
		}
	}
	return errors.Join(errs...)
}

// File defines the flag -NAME-file for a flag with a secret. It names a file with the
// value, one a line if the flag may be repeated. Neither may be empty. Call File after the
// flag is defined.
func (s *Set) File(name string) {
	usage := "`FILE` with the value of -" + name
	if _, ok := s.Lookup(name).Value.(*list); ok {
		usage = "`FILE` with the values of -" + name + ", one a line"
	}
	if s.files == nil {
		s.files = map[string]*string{}
	}
	s.files[name] = s.String(name+"-file", "", usage+"; only its owner and its group may read it")
	s.NotEmpty(name, name+"-file")
}

// readFiles sets flags from their files.
func (s *Set) readFiles() error {
	given := map[string]bool{}
	s.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	for name, path := range s.files {
		if *path == "" {
			continue
		}
		if given[name] {
			errs = append(errs, fmt.Errorf("-%s and -%s-file are both given: leave one of them out, or its variable", name, name))
			continue
		}
		if err := s.readFile(name, *path); err != nil {
			errs = append(errs, fmt.Errorf("-%s-file: %w", name, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (s *Set) readFile(name, path string) error {
	values, err := secretfile.Lines(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return err
	}
	if _, ok := s.Lookup(name).Value.(*list); !ok && len(values) > 1 {
		return fmt.Errorf("the file %s must have one line, and has %d", path, len(values))
	}
	for _, v := range values {
		if s.Set(name, v) != nil { // the value may be a secret: it is not shown
			return fmt.Errorf("the file %s has a value that -%s does not take", path, name)
		}
	}
	return nil
}
