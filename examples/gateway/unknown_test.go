//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Unknown routes get a JSON error in each role, and never a redirect.
func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, role := range []string{"all", "api", "worker"} {
		_, c := gateway(t, t.TempDir(), "-role", role)
		for call, want := range map[string]int{
			"GET /v1/objects": 404, "PUT /v1/objects": 404, "GET /v1//objects/x": 404, "GET /nowhere": 404,
			"GET /": 404, "GET //healthz": 404, "GET /healthz/": 404, "POST /healthz": 405, "DELETE /metrics": 405,
		} {
			verb, path, _ := strings.Cut(call, " ")
			req, err := http.NewRequestWithContext(t.Context(), verb, c.Base+path, nil)
			require.NoError(t, err)
			resp, err := client.Do(req)
			require.NoError(t, err)
			var body struct{ Error, RequestID string }
			err = json.NewDecoder(resp.Body).Decode(&body)
			resp.Body.Close()
			require.Equal(t, want, resp.StatusCode, "%s: %s", role, call)
			require.NoError(t, err, "%s: %s", role, call)
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"), "%s: %s", role, call)
			switch {
			case want == 405:
				require.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
				require.Equal(t, "Method not allowed; allowed are GET, HEAD", body.Error)
			case role == "worker":
				require.Equal(t, "Not found", body.Error)
			default:
				require.Equal(t, "Not found", body.Error)
				require.NotEmpty(t, body.RequestID)
			}
		}
	}
}
