package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// The test vector of Standard Webhooks' reference libraries: TestWebhookSign in
// https://github.com/standard-webhooks/standard-webhooks, libraries/go.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	// wrongSignature is well-formed, from the same tests.
	wrongSignature = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	otherSecret    = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func at(seconds int64) *auth.WebhookOptions {
	return &auth.WebhookOptions{Now: func() time.Time { return time.Unix(seconds, 999_999_999) }}
}

// sign signs like a sender.
func sign(t *testing.T, secret, id, stamp, body string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func webhookRequest(t *testing.T, query, id, stamp, signature string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "/v1/ingestion/fhir/Bundle?"+query, nil)
	require.NoError(t, err)
	for name, value := range map[string]string{"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

func TestWebhooks(t *testing.T) {
	const now = 1614265330
	lab := ingest.Caller{OrganizationID: "lab-1", OrganizationName: "Lab", UserID: "device"}
	clinic := ingest.Caller{OrganizationID: "clinic"}
	next := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 64)))
	senders := []auth.WebhookEndpoint{
		{Caller: lab, Secrets: []string{next, vectorSecret}},
		{Name: "clinic", Caller: clinic, Secrets: []string{otherSecret}},
	}
	for name, c := range map[string]struct {
		query, id, stamp, signature string
		body                        string
		now                         int64
		who                         ingest.Caller
		begin, verify               error
	}{
		"the published vector":        {who: lab},
		"the newer secret":            {signature: sign(t, next, vectorID, vectorTime, vectorBody), who: lab},
		"one of several":              {signature: "v1,short v2," + vectorSignature[3:] + " " + wrongSignature + " " + vectorSignature + " v1a,x", who: lab},
		"another endpoint":            {query: "endpoint=clinic", signature: sign(t, otherSecret, vectorID, vectorTime, vectorBody), who: clinic},
		"five minutes old":            {now: now + 300, who: lab},
		"five minutes ahead":          {now: now - 300, who: lab},
		"too old":                     {now: now + 301, begin: auth.ErrTimestamp},
		"too new":                     {now: now - 301, begin: auth.ErrTimestamp},
		"another body":                {body: vectorBody + " ", who: lab, verify: auth.ErrInvalidToken},
		"another id":                  {id: "msg_2", who: lab, verify: auth.ErrInvalidToken},
		"another time":                {stamp: "1614265331", who: lab, verify: auth.ErrInvalidToken},
		"the same time, padded":       {stamp: "01614265330", who: lab, verify: auth.ErrInvalidToken},
		"another signature":           {signature: wrongSignature, who: lab, verify: auth.ErrInvalidToken},
		"another's secret":            {signature: sign(t, otherSecret, vectorID, vectorTime, vectorBody), who: lab, verify: auth.ErrInvalidToken},
		"another's endpoint":          {query: "endpoint=clinic", who: clinic, verify: auth.ErrInvalidToken},
		"an unknown endpoint":         {query: "endpoint=none", verify: auth.ErrInvalidToken},
		"two endpoints":               {query: "endpoint=clinic&endpoint=", verify: auth.ErrInvalidToken},
		"a broken query":              {query: "endpoint=%zz", verify: auth.ErrInvalidToken},
		"another scheme":              {signature: "v1a," + vectorSignature[3:], begin: auth.ErrInvalidToken},
		"a short signature":           {signature: "v1,AAAA", begin: auth.ErrInvalidToken},
		"not base64":                  {signature: "v1,!", begin: auth.ErrInvalidToken},
		"an id with a full stop":      {id: "msg.1", begin: auth.ErrMalformed},
		"an id with a space":          {id: "msg 1", begin: auth.ErrMalformed},
		"a long id":                   {id: strings.Repeat("i", 256), begin: auth.ErrMalformed},
		"a malformed time":            {stamp: "now", begin: auth.ErrMalformed},
		"a time with a sign":          {stamp: "+1614265330", begin: auth.ErrMalformed},
		"a time with a fraction":      {stamp: "1614265330.5", begin: auth.ErrMalformed},
		"a time with too many digits": {stamp: "9223372036854775807", begin: auth.ErrMalformed},
		"no id":                       {id: "-", begin: auth.ErrMalformed},
		"no time":                     {stamp: "-", begin: auth.ErrMalformed},
		"no signature":                {signature: "-", begin: auth.ErrNoCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			or := func(given, otherwise string) string {
				switch given {
				case "":
					return otherwise
				case "-":
					return ""
				}
				return given
			}
			if c.now == 0 {
				c.now = now
			}
			w, err := auth.NewWebhooks(senders, at(c.now))
			require.NoError(t, err)
			r := webhookRequest(t, c.query, or(c.id, vectorID), or(c.stamp, vectorTime), or(c.signature, vectorSignature))
			m, err := w.Begin(r)
			require.ErrorIs(t, err, c.begin)
			if c.begin != nil {
				require.Nil(t, m)
				return
			}
			require.Equal(t, c.who, m.Caller)
			require.Equal(t, r.Header.Get("webhook-id"), m.ID)
			require.ErrorIs(t, m.Verify(), auth.ErrInvalidToken, "not without the body")
			for _, part := range strings.SplitAfter(or(c.body, vectorBody), " ") {
				n, err := m.Write([]byte(part))
				require.NoError(t, err)
				require.Equal(t, len(part), n)
			}
			require.ErrorIs(t, m.Verify(), c.verify)
		})
	}

	w, err := auth.NewWebhooks(senders, at(now))
	require.NoError(t, err)
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		r := webhookRequest(t, "", vectorID, vectorTime, vectorSignature)
		r.Header.Add(name, r.Header.Get(name))
		_, err := w.Begin(r)
		require.ErrorIs(t, err, auth.ErrMalformed, name+" twice")
	}
}

func TestNewWebhooksErrors(t *testing.T) {
	demo := ingest.Caller{OrganizationID: "demo"}
	long := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))
	for name, senders := range map[string][]auth.WebhookEndpoint{
		"none":                      {},
		"no secret":                 {{Caller: demo}},
		"no organization":           {{Secrets: []string{vectorSecret}}},
		"a name with a slash":       {{Name: "a/b", Caller: demo, Secrets: []string{vectorSecret}}},
		"a name twice":              {{Caller: demo, Secrets: []string{vectorSecret}}, {Caller: demo, Secrets: []string{otherSecret}}},
		"a secret twice":            {{Caller: demo, Secrets: []string{vectorSecret, vectorSecret}}},
		"a shared secret":           {{Caller: demo, Secrets: []string{vectorSecret}}, {Name: "b", Caller: demo, Secrets: []string{vectorSecret}}},
		"a secret without prefix":   {{Caller: demo, Secrets: []string{vectorSecret[6:]}}},
		"a short secret":            {{Caller: demo, Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ=="}}},
		"a long secret":             {{Caller: demo, Secrets: []string{long}}},
		"an invalid secret":         {{Caller: demo, Secrets: []string{"whsec_hunter2!"}}},
		"more secrets than allowed": {{Caller: demo, Secrets: make([]string, 9)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.NewWebhooks(senders, nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "MfKQ9r8G")
		})
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add(vectorID, vectorTime, vectorSignature, vectorBody)
	f.Add("", "-1", "v1, v1,= ,", "")
	f.Add("a.b", "99999999999999999999", strings.Repeat("v1,", 100), "x")
	w, err := auth.NewWebhooks([]auth.WebhookEndpoint{{Caller: ingest.Caller{OrganizationID: "demo"}, Secrets: []string{otherSecret}}}, at(1614265330))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, stamp, signature, body string) {
		r := &http.Request{Header: http.Header{}}
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-timestamp", stamp)
		r.Header.Set("webhook-signature", signature)
		m, err := w.Begin(r)
		if err != nil {
			return
		}
		_, _ = m.Write([]byte(body))
		if m.Verify() == nil {
			t.Fatal("verified without the secret")
		}
	})
}

func ExampleWebhooks() {
	webhooks, err := auth.NewWebhooks([]auth.WebhookEndpoint{{
		Name:    "lab-1", // for the URL …/fhir/Bundle?endpoint=lab-1
		Caller:  ingest.Caller{OrganizationID: "lab"},
		Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}}, &auth.WebhookOptions{Now: func() time.Time { return time.Unix(1614265330, 0) }})
	if err != nil {
		panic(err)
	}
	// httpapi.Options{Webhooks: webhooks} does this with each signed Bundle:
	r, _ := http.NewRequest("POST", "/v1/ingestion/fhir/Bundle?endpoint=lab-1", nil)
	r.Header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	r.Header.Set("webhook-timestamp", "1614265330")
	r.Header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	message, err := webhooks.Begin(r)
	if err != nil {
		panic(err)
	}
	_, _ = message.Write([]byte(`{"test": 2432232314}`))
	fmt.Println(message.Caller.OrganizationID, message.Verify())
	// Output: lab <nil>
}
