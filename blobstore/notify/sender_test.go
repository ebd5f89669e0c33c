package notify_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

func TestHandlerAuthenticates(t *testing.T) {
	body := string(message(record("2.1", "ObjectCreated:Put", "b", "k", "")))
	none := notify.HandlerOptions{}
	named := notify.HandlerOptions{Header: "X-Api-Key", Query: "code"}
	oidc := notify.HandlerOptions{Secrets: []string{secret}, Authenticate: func(r *http.Request) error {
		if r.Header.Get("Authorization") != "Bearer token" {
			return errors.New("not the token")
		}
		return nil
	}}
	for _, c := range []struct {
		name    string
		opts    notify.HandlerOptions
		path    string
		headers []string
		want    int
	}{
		{"bearer", none, "/", []string{"Authorization", "Bearer " + secret}, 204},
		{"bearer in lower case", none, "/", []string{"Authorization", "bearer " + secret}, 204},
		{"without Bearer", none, "/", []string{"Authorization", secret}, 204},
		{"the older secret", none, "/", []string{"Authorization", "an older secret, that is still in use"}, 204},
		{"nothing", none, "/", nil, 401},
		{"empty", none, "/", []string{"Authorization", ""}, 401},
		{"another", none, "/", []string{"Authorization", "Bearer " + secret[1:]}, 401},
		{"a part of the secret", none, "/", []string{"Authorization", "Bearer " + secret[:16]}, 401},
		{"basic", none, "/", []string{"Authorization", "Basic " + secret}, 401},
		{"twice", none, "/", []string{"Authorization", secret, "Authorization", secret}, 401},
		{"query not enabled", none, "/?code=" + secret, nil, 401},
		{"query", named, "/?code=" + secret, nil, 204},
		{"query and a wrong header", named, "/?code=" + secret, []string{"X-Api-Key", "x"}, 204},
		{"query twice", named, "/?code=" + secret + "&code=" + secret, nil, 401},
		{"wrong query", named, "/?code=x", nil, 401},
		{"named header", named, "/", []string{"X-Api-Key", secret}, 204},
		{"another header", named, "/", []string{"Authorization", secret}, 401},
		{"Authenticate", oidc, "/", []string{"Authorization", "Bearer token"}, 204},
		{"secret with Authenticate", oidc, "/", []string{"Authorization", secret}, 204},
		{"neither", oidc, "/", []string{"Authorization", "Bearer stolen"}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := serve(t, c.opts)
			for _, method := range []string{http.MethodPost, http.MethodHead} {
				resp, answer := e.send(t, method, c.path, body, c.headers...)
				require.Equal(t, c.want, resp.StatusCode, method)
				require.Empty(t, answer)
			}
			require.Len(t, e.created, map[int]int{204: 1}[c.want])
			require.Equal(t, c.want == 401, strings.Contains(e.logs.String(), "status=401 code=no-secret"), "the reason is logged")
			require.NotContains(t, e.logs.String(), "stolen")
			require.NotContains(t, e.logs.String(), secret)
		})
	}
	resp, _ := serve(t, none).send(t, http.MethodPut, "/", body, "Authorization", secret)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Equal(t, "OPTIONS, HEAD, POST", resp.Header.Get("Allow"))
}

func TestNewHandlerErrors(t *testing.T) {
	call := func(context.Context, notify.ObjectCreated) error { return nil }
	for name, try := range map[string]func() (http.Handler, error){
		"no function": func() (http.Handler, error) {
			return notify.NewHandler(nil, &notify.HandlerOptions{Secrets: []string{secret}})
		},
		"no options": func() (http.Handler, error) { return notify.NewHandler(call, nil) },
		"no secret":  func() (http.Handler, error) { return notify.NewHandler(call, &notify.HandlerOptions{}) },
		"an empty secret": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{secret, ""}})
		},
		"a short secret": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{"fifteen bytes.."}})
		},
		"no header": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{secret}, Header: "X-Secret:"})
		},
		"no origin": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{secret}, Origins: []string{""}})
		},
		"negative timeout": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{secret}, Timeout: -1})
		},
		"negative concurrency": func() (http.Handler, error) {
			return notify.NewHandler(call, &notify.HandlerOptions{Secrets: []string{secret}, Concurrency: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := try()
			require.Error(t, err)
			require.Nil(t, h)
			require.NotContains(t, err.Error(), "fifteen bytes")
		})
	}
}

func TestHandlerEventGridHandshake(t *testing.T) {
	t.Run("its own schema", func(t *testing.T) {
		e := serve(t, notify.HandlerOptions{})
		validation := string(fixture(t, "eventgrid_validation.json"))
		resp, answer := e.post(t, validation)
		require.Equal(t, http.StatusOK, resp.StatusCode, "Event Grid does not accept 202 and 204")
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.JSONEq(t, `{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`, answer)
		require.Empty(t, e.ignored)

		resp, answer = e.send(t, http.MethodPost, "/", validation)
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Empty(t, answer, "no validation code for unauthenticated senders")

		resp, answer = e.post(t, strings.Replace(validation, "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", `<script>\"`, 1))
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NotContains(t, answer, "<script>")
		resp, _ = e.post(t, strings.Replace(validation, "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", strings.Repeat("x", 2000), 1))
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
		require.Equal(t, map[notify.Reason]int{notify.Subscription: 1}, e.ignored)
	})
	t.Run("CloudEvents", func(t *testing.T) {
		e := serve(t, notify.HandlerOptions{})
		callback := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a callback was fetched") }))
		defer callback.Close()
		resp, _ := e.send(t, http.MethodOptions, "/", "", "WebHook-Request-Origin", "EventGrid.azure.net", "WebHook-Request-Rate", "120", "WebHook-Request-Callback", callback.URL)
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
		require.Equal(t, "eventgrid.azure.net", resp.Header.Get("WebHook-Allowed-Origin"))
		require.Equal(t, "*", resp.Header.Get("WebHook-Allowed-Rate"))
		require.Contains(t, resp.Header.Get("Allow"), "POST")

		for _, origin := range []string{"example.com", "eventgrid.azure.net.example.com", ""} {
			resp, _ = e.send(t, http.MethodOptions, "/", "", "WebHook-Request-Origin", origin)
			require.Empty(t, resp.Header.Get("WebHook-Allowed-Origin"))
			require.Empty(t, resp.Header.Get("WebHook-Allowed-Rate"))
		}
		e = serve(t, notify.HandlerOptions{Origins: []string{"events.example.com"}})
		resp, _ = e.send(t, http.MethodOptions, "/", "", "WebHook-Request-Origin", "events.example.com")
		require.Equal(t, "events.example.com", resp.Header.Get("WebHook-Allowed-Origin"))
		resp, _ = e.send(t, http.MethodOptions, "/", "", "WebHook-Request-Origin", "eventgrid.azure.net")
		require.Empty(t, resp.Header.Get("WebHook-Allowed-Origin"))
	})
}

func TestHandlerOnSubscription(t *testing.T) {
	var asked []notify.SubscriptionRequest
	var answer error
	e := serve(t, notify.HandlerOptions{OnSubscription: func(_ context.Context, r notify.SubscriptionRequest) error {
		asked = append(asked, r)
		return answer
	}})
	confirmation := string(fixture(t, "sns_confirmation.json"))
	resp, _ := e.post(t, confirmation)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, []notify.SubscriptionRequest{{
		TopicARN: "arn:aws:sns:eu-central-1:111122223333:uploads", Token: "2336412f37",
		SubscribeURL: "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:111122223333:uploads&Token=2336412f37",
	}}, asked)
	require.Empty(t, e.ignored)

	answer = errors.New("no network")
	resp, _ = e.post(t, confirmation)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "so that SNS asks again")

	const host = "https://sns.eu-central-1.amazonaws.com/"
	for _, forged := range []string{
		"http://sns.eu-central-1.amazonaws.com/", "https://sns.eu-central-1.amazonaws.com.example.com/", "https://example.com/",
		"https://169.254.169.254/", "https://sns.eu-central-1.amazonaws.com:8443/", "https://user@sns.eu-central-1.amazonaws.com/",
		"https://sns.evil.example/.amazonaws.com/", "https://sns..amazonaws.com/", "https://s3.eu-central-1.amazonaws.com/",
		"https://sns.a.b.amazonaws.com/", "https:sns.eu-central-1.amazonaws.com", "//sns.eu-central-1.amazonaws.com/", "file:///etc/passwd", "",
	} {
		asked, e.ignored = nil, map[notify.Reason]int{}
		resp, _ = e.post(t, strings.Replace(confirmation, host, forged, 1))
		require.Equal(t, http.StatusNoContent, resp.StatusCode, forged)
		require.Empty(t, asked, forged)
		require.Equal(t, map[notify.Reason]int{notify.Subscription: 1}, e.ignored, forged)
	}
	answer = nil
	resp, _ = e.post(t, strings.Replace(confirmation, host, "https://sns.cn-north-1.amazonaws.com.cn/", 1))
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Len(t, asked, 1)

	e = serve(t, notify.HandlerOptions{}) // nothing is fetched without OnSubscription
	resp, _ = e.post(t, confirmation)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, map[notify.Reason]int{notify.Subscription: 1}, e.ignored)
}
