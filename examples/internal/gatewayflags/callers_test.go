package gatewayflags

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

const strong = "6f1c0de5a48b4d3c9be27780a1d2c3b4"

func parsedWith(env map[string]string, args ...string) (*Config, error) {
	set, checked := New()
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if err := set.Parse(args, lookup); err != nil {
		return nil, err
	}
	return checked()
}

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// A deployment that lost its secret must not fall back to the README's token, nor one that
// lost its bucket to a folder in the container.
func TestEmptyVariables(t *testing.T) {
	for _, name := range []string{"TOKEN", "TOKEN_FILE", "WEBHOOK", "WEBHOOK_FILE", "NOTIFICATION_SECRET", "NOTIFICATION_SECRET_FILE",
		"DATA", "BLOB", "JOBS", "JOBS_FILE", "TOPIC", "TOPIC_FILE", "SUBSCRIPTION", "SUBSCRIPTION_FILE", "NOTIFICATIONS", "PUBLIC_URL", "ADMIN_ADDR"} {
		_, err := parsedWith(map[string]string{"FHIRDOCK_" + name: ""})
		require.ErrorContains(t, err, "FHIRDOCK_"+name+" is set and empty", name)
		_, err = parsedWith(nil, "-"+strings.ToLower(strings.ReplaceAll(name, "_", "-")), "")
		require.ErrorContains(t, err, "is empty", name)
	}
	_, err := parsedWith(map[string]string{"FHIRDOCK_ADOPT": "", "FHIRDOCK_LOG_LEVEL": ""})
	require.NoError(t, err, "empty is harmless here")
}

// The README's token is refused where others can reach the gateway.
func TestDefaultTokenIsLocal(t *testing.T) {
	for _, args := range []string{
		"-addr 0.0.0.0:8080 -public-url http://localhost:8080", "-addr 192.0.2.1:80", "-addr example.org:80",
		"-addr 127.0.0.1:8080 -public-url https://fhir.example.org", // through a proxy
	} {
		_, err := parsed(strings.Fields(args)...)
		require.ErrorContains(t, err, "-token-file is needed", args)
		for _, weak := range []string{"dev=demo", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=demo", "changeme-changeme-1=demo"} {
			_, err = parsed(append(strings.Fields(args), "-token", weak)...)
			require.ErrorContains(t, err, "-token: token 1 ", args)
			require.NotContains(t, err.Error(), weak)
			_, err = parsed(append(strings.Fields(args), "-token-file", secretFile(t, weak, 0o600))...)
			require.ErrorContains(t, err, "-token: token 1 ", args)
			c, err := parsed(append(strings.Fields(args), "-token", weak, "-insecure-dev-tokens")...)
			require.NoError(t, err)
			require.Error(t, c.Development, "each start warns")
		}
		c, err := parsed(append(strings.Fields(args), "-token-file", secretFile(t, "# ours\n"+strong+"=clinic:alice\n", 0o600))...)
		require.NoError(t, err, "a safe start needs no -insecure flag")
		require.NoError(t, c.Development)
		c, err = parsedWith(map[string]string{"FHIRDOCK_TOKEN": strong + "=clinic"}, strings.Fields(args)...)
		require.NoError(t, err)
		require.NoError(t, c.Development)
	}
	for _, args := range []string{"-addr 127.0.0.1:0", "-addr localhost:0 -public-url http://localhost:8080", "-addr [::1]:0 -public-url http://gateway.localhost"} {
		c, err := parsed(strings.Fields(args)...)
		require.NoError(t, err, args)
		require.Error(t, c.Development)
	}
	c, err := parsed("-role", "worker", "-addr", "0.0.0.0:9090")
	require.NoError(t, err, "a worker serves no requests")
	require.NoError(t, c.Development)
}

func TestWeakSecretsAreRefused(t *testing.T) {
	webhook := func(raw string) string { return "lab=whsec_" + base64.StdEncoding.EncodeToString([]byte(raw)) }
	for want, args := range map[string][]string{
		"webhook 1 repeats a few":                {"-webhook", webhook(strings.Repeat("a", 32))},
		"webhook 2 repeats a few":                {"-webhook", "lab=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "-webhook", webhook(strings.Repeat("ab", 16))},
		"webhook 1 is an example":                {"-webhook", "lab=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		"secret 1 has fewer than 16":             {"-notification-secret", "s3cret"},
		"secret 2 repeats a few":                 {"-notification-secret", strong, "-notification-secret", strings.Repeat("x", 40)},
		"-notification-secret-file: other users": {"-notification-secret-file", secretFile(t, strong, 0o644)},
		"-token-file: other users":               {"-token-file", secretFile(t, strong+"=clinic", 0o644)},
		"-jobs-file: other users":                {"-jobs-file", secretFile(t, "postgres://u:hunter2@h/d", 0o604)},
		"-token and -token-file are both given":  {"-token", strong + "=a", "-token-file", secretFile(t, strong+"=clinic", 0o600)},
	} {
		_, err := parsed(args...)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), strong)
		require.NotContains(t, err.Error(), "hunter2")
	}
	c, err := parsed("-jobs-file", secretFile(t, "postgres://u:hunter2@h/d\n", 0o600), "-webhook-file", secretFile(t, "lab=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n", 0o440),
		"-notification-secret-file", secretFile(t, strong+"\n", 0o400))
	require.NoError(t, err)
	require.Equal(t, "postgres://u:hunter2@h/d", c.URLs.Jobs)
	require.Equal(t, []string{strong}, c.NotifySecrets)
	require.NotNil(t, c.Webhooks)
}

func TestParseWebhooks(t *testing.T) {
	const one, two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_plJ3nmyCDGBKInavdOK15jsl54nfXSpQ"
	senders, err := parseWebhooks([]string{"lab:device=" + one, "clinic=" + two, "lab:device=" + two})
	require.NoError(t, err)
	require.Equal(t, []auth.WebhookEndpoint{
		{Name: "lab", Caller: ingest.Caller{OrganizationID: "lab", OrganizationName: "lab", UserID: "device"}, Secrets: []string{one, two}},
		{Name: "clinic", Caller: ingest.Caller{OrganizationID: "clinic", OrganizationName: "clinic"}, Secrets: []string{two}},
	}, senders)

	for name, specs := range map[string][]string{
		"no organization": {"=" + one},
		"no secret":       {"lab"},
		"a bad secret":    {"lab=whsec_hunter2"},
		"a slash":         {"a/b=" + one},
		"two users":       {"lab:a=" + one, "lab:b=" + two},
		"twice":           {"lab=" + one, "lab=" + one},
	} {
		t.Run(name, func(t *testing.T) {
			senders, err := parseWebhooks(specs)
			if err == nil {
				_, err = auth.NewWebhooks(senders, nil)
			}
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "MfKQ9r8G")
		})
	}
}
