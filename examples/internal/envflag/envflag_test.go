package envflag_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
)

type config struct {
	addr   *string
	wait   *time.Duration
	tokens *[]string
	loud   *bool
}

func define() (*envflag.Set, config) {
	s := envflag.New("prog", "PROG_", "prog does things.\n")
	var c config
	s.Group("Door")
	c.addr = s.String("addr", "here", "where to `listen`")
	c.tokens = s.Strings("dev-token", []string{"a=b"}, "`TOKEN=ORG`: a token\nsecond line")
	s.Group("Rest")
	c.wait = s.Duration("wait", time.Second, "how long")
	c.loud = s.Bool("loud", false, "say more")
	s.Int("times", 1, "how `often`")
	return s, c
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		env    []string
		addr   string
		wait   time.Duration
		tokens []string
		loud   bool
	}{
		"defaults":       {addr: "here", wait: time.Second, tokens: []string{"a=b"}},
		"arguments":      {args: []string{"-addr", "x", "--wait=2s", "-loud"}, addr: "x", wait: 2 * time.Second, tokens: []string{"a=b"}, loud: true},
		"variables":      {env: []string{"PROG_ADDR", "y", "PROG_LOUD", "true"}, addr: "y", wait: time.Second, tokens: []string{"a=b"}, loud: true},
		"argument wins":  {args: []string{"-addr=x"}, env: []string{"PROG_ADDR", "y"}, addr: "x", wait: time.Second, tokens: []string{"a=b"}},
		"list, given":    {args: []string{"-dev-token=1=2", "-dev-token=3=4"}, env: []string{"PROG_DEV_TOKEN", "no=no"}, addr: "here", wait: time.Second, tokens: []string{"1=2", "3=4"}},
		"list, variable": {env: []string{"PROG_DEV_TOKEN", "1=2, 3=4"}, addr: "here", wait: time.Second, tokens: []string{"1=2", "3=4"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, got := define()
			require.NoError(t, s.Parse(c.args, env(c.env...)))
			require.Equal(t, c.addr, *got.addr)
			require.Equal(t, c.wait, *got.wait)
			require.Equal(t, c.tokens, *got.tokens)
			require.Equal(t, c.loud, *got.loud)
		})
	}
}

func TestParseErrors(t *testing.T) {
	s, _ := define()
	err := s.Parse(nil, env("PROG_WAIT", "s3cret"))
	require.EqualError(t, err, "PROG_WAIT has a value that -wait does not take: it must be a duration such as 30s or 5m")

	s, _ = define()
	err = s.Parse([]string{"-wait", "5"}, env())
	require.EqualError(t, err, `invalid value "5" for flag -wait: it must be a duration such as 30s or 5m`)

	s, _ = define()
	err = s.Parse([]string{"-times", "many"}, env())
	require.EqualError(t, err, `invalid value "many" for flag -times: it must be a whole number`)

	s, _ = define()
	err = s.Parse(nil, env("PROG_LOUD", "s3cret"))
	require.EqualError(t, err, "PROG_LOUD has a value that -loud does not take: it must be true or false")

	s, _ = define()
	require.ErrorContains(t, s.Parse([]string{"-nope"}, env()), "-nope")

	s, _ = define()
	require.ErrorIs(t, s.Parse([]string{"--help"}, env()), flag.ErrHelp)
}

func TestHelp(t *testing.T) {
	s, _ := define()
	require.ErrorIs(t, s.Parse([]string{"-h"}, env()), flag.ErrHelp)
	var b strings.Builder
	require.NoError(t, s.WriteHelp(&b))
	require.Equal(t, `prog does things.

Door
  -addr listen
        where to listen
        default here; PROG_ADDR
  -dev-token TOKEN=ORG
        a token
        second line
        default a=b; PROG_DEV_TOKEN

Rest
  -loud
        say more
        PROG_LOUD
  -times often
        how often
        default 1; PROG_TIMES
  -wait duration
        how long
        default 1s; PROG_WAIT
`, b.String())
}

func TestEmptyValues(t *testing.T) {
	set := func() *envflag.Set {
		s, _ := define()
		s.NotEmpty("addr", "dev-token")
		return s
	}
	err := set().Parse(nil, env("PROG_ADDR", "", "PROG_DEV_TOKEN", " ", "PROG_WAIT", ""))
	require.EqualError(t, err, "PROG_ADDR is set and empty: give it a value, or unset it for the default\n"+
		"PROG_DEV_TOKEN is set and empty: give it a value, or unset it for the default")
	require.EqualError(t, set().Parse([]string{"-addr="}, env("PROG_ADDR", "x")), "-addr is empty: give it a value, or leave it out for the default")
	require.NoError(t, set().Parse([]string{"-addr=x"}, env("PROG_ADDR", "")), "the flag overrides it")
}

func TestSecretsFromFiles(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	set := func() (*envflag.Set, config) {
		s, c := define()
		s.File("dev-token")
		s.File("addr")
		return s, c
	}
	s, c := set()
	require.NoError(t, s.Parse([]string{"-addr-file", file("there\n")}, env("PROG_DEV_TOKEN_FILE", file("a=1\nb=2\n"))))
	require.Equal(t, "there", *c.addr)
	require.Equal(t, []string{"a=1", "b=2"}, *c.tokens)

	for want, args := range map[string][]string{
		"-addr-file: there is no file nowhere":          {"-addr-file", "nowhere"},
		"-addr and -addr-file are both given":           {"-addr", "x", "-addr-file", "nowhere"},
		"must have one line, and has 2":                 {"-addr-file", file("a\nb\n")},
		"-dev-token-file: the file":                     {"-dev-token-file", file("")},
		"-dev-token-file is empty":                      {"-dev-token-file", ""},
		"-addr-file: there is no file a\n-dev-token-fi": {"-dev-token-file", "b", "-addr-file", "a"},
	} {
		s, _ := set()
		require.ErrorContains(t, s.Parse(args, env()), want)
	}
	s, _ = set()
	require.ErrorContains(t, s.Parse(nil, env("PROG_DEV_TOKEN", "a=1", "PROG_DEV_TOKEN_FILE", "b")), "are both given")
	s, _ = set()
	require.ErrorContains(t, s.Parse(nil, env("PROG_DEV_TOKEN_FILE", "")), "PROG_DEV_TOKEN_FILE is set and empty")
}
