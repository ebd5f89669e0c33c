package httpapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// This package does not use the operator's view of a Service, so no tenant's credentials
// give access to it.
func TestTheOperatorIsNotReachable(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				require.NotEqual(t, "Operator", sel.Sel.Name, name)
				require.NotEqual(t, "OperatorRequest", sel.Sel.Name, name)
			}
			return true
		})
	}
	require.Greater(t, files, 10)

	// A tenant that changes all of its own jobs changes no other tenant's.
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "other", State: jobs.Failed, MaxAttempts: 1, Attempt: 1, CreatedAt: p.Clock.Now(), StartedAt: p.Clock.Now(), FinishedAt: p.Clock.Now()}
	require.NoError(t, p.Jobs.Create(t.Context(), job))
	front := must(httpapi.New(p.Service, must(auth.ParseTokens("token=org")), nil))
	for target, want := range map[string]int{
		"POST " + jobsPath + "/redrive?status=failed": 202, "POST " + jobsPath + "/" + job.ID + "/redrive": 404, "DELETE " + jobsPath + "/" + job.ID: 404,
		"POST " + jobsPath + "/redrive?status=failed&organization=other": 400, "GET " + jobsPath + "?organization=other": 400, "GET " + jobsPath: 200,
		"GET /v1/ingestion/operator": 404, "GET /v1/ingestion/organizations": 404, "DELETE " + jobsPath: 405,
	} {
		verb, path, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(verb, path, http.NoBody)
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, "%s: %s", target, w.Body)
		require.NotContains(t, w.Body.String(), job.ID+`"`, target)
	}
	stored, err := p.Jobs.Get(t.Context(), job.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, stored.Revision)
}
