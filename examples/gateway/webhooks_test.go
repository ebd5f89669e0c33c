package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

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
