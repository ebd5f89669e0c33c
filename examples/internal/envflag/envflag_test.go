package envflag_test

import (
	"flag"
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

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
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
