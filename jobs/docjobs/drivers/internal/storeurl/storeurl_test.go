package storeurl

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	u, err := Parse("x", "x://TABLE", "x://table/a?one=1&two=2", "one", "two")
	require.NoError(t, err)
	require.Equal(t, "table", u.Host)
	require.Equal(t, "/a", u.Path)
	require.Equal(t, "1", u.Query().Get("one"))
}

func TestErrorsQuoteNothing(t *testing.T) {
	for raw, want := range map[string]string{
		"x://s3cret/%zz":              "must be x://TABLE",
		"s3cret://table":              "must be x://TABLE",
		"x:///s3cret":                 "must be x://TABLE",
		"x://u:s3cret@table":          "must be x://TABLE",
		"x://table#s3cret":            "must be x://TABLE",
		"x://t?other=s3cret":          `unknown parameter "other"; supported are one, two`,
		"x://t?one=s3cret&one=s3cret": `"one" is given more than once`,
		"x://s3cret?one=":             `"one" has no value`,
		"x://t?one=%zzs3cret":         "parameters are malformed",
		"x://t?one=1;two=s3cret":      "parameters are malformed",
	} {
		_, err := Parse("x", "x://TABLE", raw, "one", "two")
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "s3cret", raw)
	}
	_, err := Parse("x", "x://TABLE", "x://t?a=s3cret")
	require.ErrorContains(t, err, "there are none")
	require.NotContains(t, err.Error(), "s3cret")
}
