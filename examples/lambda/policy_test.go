//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// bucketPolicies returns the template's policy of each function for the bucket NAME.
func bucketPolicies(t testing.TB) map[string][]byte {
	t.Helper()
	tpl := readTemplate(t)
	policies := map[string][]byte{}
	for _, f := range tpl.ofType("AWS::Serverless::Function") {
		var statements []any
		for _, p := range f["Policies"].([]any) {
			if name, ok := at(p, "!Ref").(string); ok {
				p = at(tpl.Resources[name], "Properties", "PolicyDocument")
			}
			for _, s := range at(p, "Statement").([]any) {
				s := s.(map[string]any)
				if !strings.HasPrefix(s["Action"].([]any)[0].(string), "s3:") {
					continue
				}
				var resources []any
				for _, r := range s["Resource"].([]any) {
					arn := strings.ReplaceAll(at(r, "!Sub").(string), "${AWS::Partition}", "aws")
					resources = append(resources, strings.ReplaceAll(arn, "${UploadBucketName}", "NAME"))
				}
				statements = append(statements, map[string]any{"Effect": s["Effect"], "Action": s["Action"], "Resource": resources})
			}
		}
		raw, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		require.NoError(t, err)
		policies[f["Handler"].(string)] = raw
	}
	return policies
}

// Each function works with its role from the template, on a server that enforces it. The
// other functions have all rights.
func TestPoliciesAreEnough(t *testing.T) {
	for function, policy := range bucketPolicies(t) {
		t.Run(function, func(t *testing.T) {
			s := startServiceAs(t, function, policy, "FHIRDOCK_UPLOAD_EXPIRY=2s")
			a := s.call(t, apigatewaytest.REST(t, apigatewaytest.Request{
				Method: http.MethodPost, Path: "/v1/ingestion/fhir/Bundle", Body: bundle, Authorizer: `{"organizationId":"demo"}`,
				Header: http.Header{"Content-Type": {"application/fhir+json"}, "Idempotency-Key": {"once"}},
			}))
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			var receipt frontdoor.Receipt
			require.NoError(t, json.Unmarshal([]byte(a.Body), &receipt))
			s.work(t, time.Minute, s.woken(t))
			require.Equal(t, "completed", s.job(t, receipt.JobID).Status)

			// One line is rejected, so that there is an outcomes file.
			ticket := s.upload(t, []byte(`{"resourceType":"Patient","id":"a"}`+"\n"+`{"resourceType":1}`))
			_, failure := s.uploads.invoke(t, s3Event(t, "ObjectCreated:Put", s.bucket, ticket.Key), 30*time.Second)
			require.Empty(t, failure)
			s.work(t, time.Minute, s.woken(t))
			require.Equal(t, "completed", s.job(t, ticket.UploadID).Status)
			a = s.call(t, apigatewaytest.REST(t, apigatewaytest.Request{Method: http.MethodGet, Path: "/v1/ingestion/jobs/" + ticket.UploadID + "/outcomes", Authorizer: `{"organizationId":"demo"}`}))
			require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
			require.Equal(t, 1, strings.Count(a.Body, "\n"))

			// An object without a job, and one that does not exist.
			_, failure = s.uploads.invoke(t, s3Event(t, "ObjectCreated:Put", s.bucket, strings.Replace(ticket.Key, ticket.UploadID, receipt.JobID, 1)), 30*time.Second)
			require.Empty(t, failure)

			// The sweeper looks for uploads whose notification was lost: one arrived, one
			// did not.
			late := s.upload(t, []byte(`{"resourceType":"Patient","id":"b"}`))
			never := s.ticket(t)
			require.Eventually(t, func() bool {
				_, failure := s.sweeper.invoke(t, scheduleEvent, time.Minute)
				require.Empty(t, failure)
				return s.job(t, late.UploadID).Status == "accepted" && s.job(t, never.UploadID).Status == "expired"
			}, 20*time.Second, 250*time.Millisecond)
			for _, f := range []*lambdaFunction{s.api, s.uploads, s.worker, s.sweeper} {
				require.NotContains(t, f.process.Stderr.String(), "AccessDenied")
				require.NotContains(t, f.process.Stderr.String(), "StatusCode: 403")
			}
		})
	}
}
