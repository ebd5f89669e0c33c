// Package envflag adds five things to package flag: an environment variable for each flag,
// groups in the help, flags that may be repeated, sizes in bytes, and secrets read from
// files.
//
// A larger library was not taken: of those that bind variables, ff had no release since
// 2023, and kong accepts only flags with two dashes.
package envflag

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// Set is a flag.FlagSet with groups and variables. Define flags with its FlagSet's
// methods, after a call of Group for each group.
type Set struct {
	*flag.FlagSet
	// VariablesOnly: the program takes no arguments, so errors name variables.
	VariablesOnly bool

	prefix string
	intro  string
	groups []group

	sizes    []size
	notEmpty []string           // names
	files    map[string]*string // by secret flag: the value of its -file flag
}

type group struct {
	title string
	from  map[string]bool // flags of earlier groups
}

// New returns an empty set. prefix is the prefix of the variables, for example FHIRDOCK_;
// intro is the text above the flags in the help.
func New(name, prefix, intro string) *Set {
	s := &Set{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), prefix: prefix, intro: intro}
	s.SetOutput(io.Discard) // errors are returned, and printed once by the caller
	s.Usage = func() {}
	return s
}

// Group begins a group. Flags defined after it belong to it.
func (s *Set) Group(title string) {
	g := group{title: title, from: map[string]bool{}}
	s.VisitAll(func(f *flag.Flag) { g.from[f.Name] = true })
	s.groups = append(s.groups, g)
}

// Strings defines a flag that may be repeated. Values replace the default. In its
// variable, commas separate values.
func (s *Set) Strings(name string, value []string, usage string) *[]string {
	l := &list{values: value}
	s.Var(l, name, usage)
	return &l.values
}

type list struct {
	values []string
	given  bool
}

func (l *list) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(l.values, ",")
}

func (l *list) Set(v string) error {
	if !l.given {
		l.values, l.given = nil, true
	}
	l.values = append(l.values, v)
	return nil
}

// Variable returns the name of a flag's environment variable.
func (s *Set) Variable(name string) string {
	return s.prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Name returns the name of a flag for errors: -NAME, or its variable if VariablesOnly is
// set.
func (s *Set) Name(flag string) string {
	if s.VariablesOnly {
		return s.Variable(flag)
	}
	return "-" + flag
}

// Parse parses the arguments. Other flags get the values of their variables if these are
// set and not empty; lookup is os.LookupEnv. It returns flag.ErrHelp for -h and --help;
// other errors name the flag or variable.
func (s *Set) Parse(args []string, lookup func(string) (string, bool)) error {
	if err := s.parse(args, lookup); err != nil {
		return err
	}
	return s.readFiles()
}

func (s *Set) parse(args []string, lookup func(string) (string, bool)) error {
	defer s.explain()()
	if err := s.FlagSet.Parse(args); err != nil {
		return err
	}
	given := map[string]bool{}
	s.Visit(func(f *flag.Flag) { given[f.Name] = true })
	err := s.checkEmpty(given, lookup)
	s.VisitAll(func(f *flag.Flag) {
		name := s.Variable(f.Name)
		value, _ := lookup(name)
		if given[f.Name] || value == "" || err != nil {
			return
		}
		values := []string{value}
		if _, ok := f.Value.(*list); ok {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			// The value may be a secret: it is not shown.
			if s.Set(f.Name, strings.TrimSpace(v)) != nil {
				err = fmt.Errorf("%s has a value that -%s does not take", name, f.Name)
				if e, ok := f.Value.(explained); ok {
					err = fmt.Errorf("%w: it must be %s", err, e.takes)
				}
			}
		}
	})
	return err
}

// WriteHelp writes the intro and all flags, by group, with variables and
// defaults.
func (s *Set) WriteHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString(s.intro)
	for i, g := range s.groups {
		fmt.Fprintf(&b, "\n%s\n", g.title)
		s.VisitAll(func(f *flag.Flag) {
			if g.from[f.Name] || i+1 < len(s.groups) && !s.groups[i+1].from[f.Name] {
				return
			}
			s.describe(&b, f)
		})
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Set) describe(b *strings.Builder, f *flag.Flag) {
	name, usage := flag.UnquoteUsage(f)
	usage = strings.TrimPrefix(usage, name+": ") // a usage may start with just the name
	fmt.Fprintf(b, "  -%s", f.Name)
	if name != "" {
		b.WriteString(" " + name)
	}
	b.WriteByte('\n')
	for line := range strings.SplitSeq(usage, "\n") {
		b.WriteString("        " + line + "\n")
	}
	b.WriteString("        ")
	if f.DefValue != "" && f.DefValue != "false" {
		b.WriteString("default " + f.DefValue + "; ")
	}
	b.WriteString(s.Variable(f.Name) + "\n")
}
