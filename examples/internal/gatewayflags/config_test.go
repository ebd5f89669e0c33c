package gatewayflags

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func noEnv(string) (string, bool) { return "", false }

func parsed(args ...string) (*Config, error) {
	set, checked := New()
	if err := set.Parse(args, noEnv); err != nil {
		return nil, err
	}
	return checked()
}

func TestDefaults(t *testing.T) {
	c, err := parsed()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Addr)
	require.Equal(t, "./fhirdock-data", c.Data)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Authorization", "Bearer dev")
	who, err := c.Tokens.Authenticate(r)
	require.NoError(t, err)
	require.Equal(t, "demo", who.OrganizationID)
	require.ErrorContains(t, c.Development, "no secret")
	require.EqualValues(t, "lenient", c.Service.Level)
	require.EqualValues(t, 64<<20, c.Service.MaxBodyBytes)
	require.True(t, c.Serves() && c.Works())
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-addr nowhere":                           "-addr must be HOST:PORT",
		"-role boss":                              "-role must be all or api or worker",
		"-fhir-version R3":                        "-fhir-version must be R4 or R4B or R5",
		"-migrations maybe":                       "-migrations must be run or skip or only",
		"-stall-timeout 0s":                       "-stall-timeout must be more than zero",
		"-order fifo":                             "-order must be none or park or block",
		"-validation maybe":                       "-validation must be lenient or strict",
		"-max-string 65MiB":                       "-max-string must not be above -max-entry",
		"-types document,Document":                `-types: fhirbundle: invalid options: Types is "Document"`,
		"-types ,":                                "-types must name a type",
		"-max-depth 0":                            "-max-depth must be more than zero",
		"-prefix /incoming":                       "-prefix must be of",
		"-output-prefix a..b/../c":                "-output-prefix must be of",
		"-output-prefix incoming":                 "-output-prefix overlaps -prefix",
		"-prefix staging/x":                       "-staging-prefix overlaps -prefix",
		"-outcomes-prefix processed":              "-outcomes-prefix overlaps -output-prefix",
		"-adopt processed/x":                      "-adopt overlaps -output-prefix",
		"-log-level loud":                         "-log-level must be debug, info, warn or error",
		"-log-format xml":                         "-log-format must be text or json",
		"-max-body many":                          "-max-body must be a size",
		"-max-whole 1e99":                         "-max-whole must be a size",
		"-max-outcomes 0":                         "-max-outcomes must be more than zero",
		"-max-outcome-bytes 0":                    "-max-outcome-bytes must be a size",
		"-max-body 65MiB":                         "-max-whole must not be below -max-body",
		"-max-upload 0":                           "-max-upload must be a size",
		"-max-entry 3GiB":                         "-max-entry must be less than 2GiB",
		"-concurrency 0":                          "-concurrency must be more than zero",
		"-lease -1s":                              "-lease must not be negative",
		"-lease 5":                                "-lease: it must be a duration such as 30s",
		"-drain-delay -1s":                        "-drain-delay must not be negative",
		"-topic mem://x":                          "-topic and -subscription go together",
		"-public-url /here":                       "-public-url must be http",
		"-public-url https://host/path":           "-public-url must be http",
		"-public-url https://user:secret@host":    "-public-url must be http",
		"-token s3cret":                           "-token: auth: token 1 is not of the form",
		"-token a=x -token a=y":                   "-token: auth: token 2 is given twice",
		"-webhook lab=whsec_s3cret":               "-webhook: auth: a secret of webhook endpoint 1 is not",
		"-data=":                                  "-data is empty",
		"-addr 192.0.2.1:80":                      "-token-file is needed",
		"-addr :80":                               "-token-file is needed",
		"-addr example.org:80":                    "-token-file is needed",
		"-admin-addr nowhere":                     "-admin-addr must be HOST:PORT",
		"-addr :80 -insecure-dev-tokens":          "-public-url is needed",
		"-addr 0.0.0.0:80 -insecure-dev-tokens":   "-public-url is needed",
		"-oidc-issuer https://issuer.example.org": "not defined",
	} {
		_, err := parsed(strings.Fields(args)...)
		require.ErrorContains(t, err, want, args)
	}
}

// All errors are listed, always in the same order.
func TestWrongFlagsAreListed(t *testing.T) {
	for range 10 {
		_, err := parsed("-concurrency=0", "-sweep-every=0s", "-drain-timeout=0s", "-drain-delay=-1s")
		require.EqualError(t, err, "-concurrency must be more than zero\n"+
			"-sweep-every must be more than zero\n-drain-timeout must be more than zero\n-drain-delay must not be negative")
	}
}

func TestRightFlags(t *testing.T) {
	for _, args := range []string{
		"-addr localhost:0", "-addr [::1]:8080", "-addr 127.8.9.1:80", "-role worker -addr :9090",
		"-addr :80 -insecure-dev-tokens -public-url https://fhir.example.org",
		"-addr 192.0.2.1:80 -insecure-dev-tokens", "-role api -topic mem://x",
		"-topic mem://x -subscription mem://x", "-prefix a -output-prefix b/c -outcomes-prefix b/d -staging-prefix e -adopt f",
		"-log-level WARNING", "-log-level CRITICAL", "-max-depth 100 -max-string 1MiB", "-types document,searchset,history",
		"-max-body 5MB -validation strict", "-max-body 65MiB -max-whole 65MiB",
	} {
		_, err := parsed(strings.Fields(args)...)
		require.NoError(t, err, args)
	}
}
