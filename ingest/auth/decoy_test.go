package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
)

// Every webhook is hashed equally often, even if its endpoint has fewer secrets than another
// or does not exist, and a decoy never verifies.
func TestDecoys(t *testing.T) {
	w, err := NewWebhooks([]WebhookEndpoint{
		{Name: "lab", Caller: ingest.Caller{OrganizationID: "lab"}, Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}},
		{Name: "clinic", Caller: ingest.Caller{OrganizationID: "clinic"}, Secrets: []string{"whsec_plJ3nmyCDGBKInavdOK15jsl54nfXSpQ"}},
	}, &WebhookOptions{Now: func() time.Time { return time.Unix(1614265330, 0) }})
	require.NoError(t, err)
	for name, secrets := range map[string]int{"lab": 2, "clinic": 1, "none": 0} {
		r := httptest.NewRequest(http.MethodPost, "/?endpoint="+name, nil)
		r.Header.Set("webhook-id", "msg_1")
		r.Header.Set("webhook-timestamp", "1614265330")
		r.Header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
		m, err := w.Begin(r)
		require.NoError(t, err)
		require.Len(t, m.macs, 2, name)
		for i, mac := range m.macs {
			m.signatures = [][]byte{mac.Sum(nil)}
			require.Equal(t, i < secrets, m.Verify() == nil, name)
		}
	}
}
