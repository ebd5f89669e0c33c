package brokerurl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

func TestParse(t *testing.T) {
	u, err := brokerurl.Parse("x://user:p@host:1/a/b/?one=1&two=2", []string{"y", "x"}, "one", "two")
	require.NoError(t, err)
	require.Equal(t, "host:1/a/b", u.Name)
	require.Equal(t, "x://user:p@host:1", u.Server)
	require.Equal(t, "host:1", u.Host)
	require.Equal(t, "a/b", u.Path)
	require.Equal(t, "1", u.Params.Get("one"))
	u, err = brokerurl.Parse("x:///a", []string{"x"})
	require.NoError(t, err)
	require.Equal(t, "a", u.Name)
}

func TestParseErrorsQuoteNothing(t *testing.T) {
	for raw, want := range map[string]string{
		"x://s3cret/%zz":              "not a URL",
		"x://u:s3cret@h:port/":        "not a URL",
		"s3cret://x":                  "must begin with x:// or y://",
		"x:s3cret":                    "must begin with",
		"x://h#s3cret":                "must begin with",
		"x://h?other=s3cret":          `unknown parameter "other"; there are one, two`,
		"x://h?one=s3cret&one=s3cret": `"one" is given more than once`,
		"x://s3cret?one=":             `"one" has no value`,
		"x://s3cret?two":              `"two" has no value`,
		"x://h?one=%zzs3cret":         "parameters are malformed",
		"x://h?one=1;two=s3cret":      "parameters are malformed",
	} {
		_, err := brokerurl.Parse(raw, []string{"x", "y"}, "one", "two")
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := brokerurl.Parse("x://h?a=1", []string{"x"})
	require.ErrorContains(t, err, "there are none")
}

func TestBool(t *testing.T) {
	u, err := brokerurl.Parse("x://h?yes=true&no=0&bad=s3cret", []string{"x"}, "yes", "no", "bad")
	require.NoError(t, err)
	for name, want := range map[string]bool{"yes": true, "no": false, "absent": true} {
		got, err := u.Bool(name, true)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, err = u.Bool("bad", true)
	require.ErrorContains(t, err, `"bad" must be true or false`)
	require.NotContains(t, err.Error(), "s3cret")
}

func TestKey(t *testing.T) {
	for _, same := range []string{"a", "St.Mary_7", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", strings.Repeat("x", 128)} {
		require.Equal(t, same, brokerurl.Key(same, 128))
	}
	seen := map[string]bool{}
	for _, other := range []string{"", "a b", "Krankenhaus Süd", "\x00", "\x7f", strings.Repeat("x", 129), strings.Repeat("x", 130)} {
		key := brokerurl.Key(other, 128)
		require.Regexp(t, "^[0-9a-f]{64}$", key)
		require.Equal(t, key, brokerurl.Key(other, 128), "it does not change")
		seen[key] = true
	}
	require.Len(t, seen, 7, "each has its own")
}
