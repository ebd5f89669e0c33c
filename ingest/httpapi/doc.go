// Package httpapi is the front door over HTTP: an [ingest.Service] as routes
// under /v1/ingestion.
//
//	POST   /v1/ingestion/fhir/Bundle             202  a Bundle is accepted
//	POST   /v1/ingestion/upload-url              200  a URL to PUT a file to
//	GET    /v1/ingestion/jobs                    200  jobs, newest first: ?status= &limit= &cursor=
//	GET    /v1/ingestion/jobs/{jobId}            200  one job
//	DELETE /v1/ingestion/jobs/{jobId}            202  cancelled
//	POST   /v1/ingestion/jobs/{jobId}/redrive    202  accepted once more
//	GET    /v1/ingestion/jobs/{jobId}/outcomes   200  NDJSON of what was rejected
//
// A request may carry Idempotency-Key (both POSTs that create a job),
// Content-Digest with sha-256 (RFC 9530; a Bundle that has another is refused) and
// If-None-Match (one job, by its ETag).
//
// HEAD is answered where GET is, OPTIONS everywhere. Times are RFC 3339 in UTC,
// and every answer has X-Request-Id. An error is
//
//	{"error": "…", "requestId": "…", "issues": […]}
//
// or an OperationOutcome where Accept prefers application/fhir+json. Another
// organization's job is answered like one that does not exist, byte for byte.
//
// Nothing of a payload appears in an answer to an error, or in the log.
package httpapi
