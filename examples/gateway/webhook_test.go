//go:build unix

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// A sender without a token posts a signed Bundle.
func TestSignedWebhook(t *testing.T) {
	secret := []byte(strong)
	encoded := "whsec_" + base64.StdEncoding.EncodeToString(secret)
	p, client := gateway(t, t.TempDir(), "-webhook", "demo:lab="+encoded)
	body := strings.Replace(tiny, "%s", "p1", 1)
	send := func(secret []byte) (status int, receipt frontdoor.Receipt) {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("msg_1." + stamp + "." + body))
		req, err := http.NewRequestWithContext(t.Context(), "POST", client.Base+"/v1/ingestion/fhir/Bundle?endpoint=demo", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/fhir+json")
		req.Header.Set("webhook-id", "msg_1")
		req.Header.Set("webhook-timestamp", stamp)
		req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&receipt))
		return resp.StatusCode, receipt
	}
	status, _ := send([]byte(strings.Repeat("x", 32)))
	require.Equal(t, 401, status)
	status, first := send(secret)
	require.Equal(t, 202, status)
	require.Equal(t, "completed", follow(t, client, first.JobID).Status)
	status, again := send(secret)
	require.Equal(t, 202, status)
	require.Equal(t, first.JobID, again.JobID)
	require.NotContains(t, p.Stderr.String(), encoded)
}
