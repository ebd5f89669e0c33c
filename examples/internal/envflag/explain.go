package envflag

import (
	"errors"
	"flag"
	"time"
)

// explained describes the accepted values of a flag, where the standard library says
// "parse error".
type explained struct {
	flag.Value
	takes string
}

func (e explained) Set(value string) error {
	if e.Value.Set(value) != nil {
		return errors.New("it must be " + e.takes)
	}
	return nil
}

// IsBoolFlag tells package flag whether the flag needs no value.
func (e explained) IsBoolFlag() bool {
	b, ok := e.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// explain makes the flags' errors more detailed, until end is called.
func (s *Set) explain() (end func()) {
	s.VisitAll(func(f *flag.Flag) {
		if takes := takes(f.Value); takes != "" {
			f.Value = explained{f.Value, takes}
		}
	})
	return func() {
		s.VisitAll(func(f *flag.Flag) {
			if e, ok := f.Value.(explained); ok {
				f.Value = e.Value // the help depends on its type
			}
		})
	}
}

func takes(v flag.Value) string {
	g, ok := v.(flag.Getter)
	if !ok {
		return ""
	}
	switch g.Get().(type) {
	case time.Duration:
		return "a duration such as 30s or 5m"
	case int, int64, uint, uint64:
		return "a whole number"
	case bool:
		return "true or false"
	}
	return ""
}
