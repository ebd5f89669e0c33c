// Package httpapi is the front door over HTTP: an [ingest.Service] as routes
// under /v1/ingestion.
//
//	POST   /v1/ingestion/fhir/Bundle             202  a Bundle is accepted
//	POST   /v1/ingestion/upload-url              200  a URL to PUT a file to
//	GET    /v1/ingestion/jobs                    200  jobs, newest first: ?status= &code= &limit= &cursor=
//	POST   /v1/ingestion/jobs/redrive            202  failed jobs accepted once more: ?status=failed &code= &after= &before= &limit= &cursor=
//	GET    /v1/ingestion/jobs/{jobId}            200  one job
//	DELETE /v1/ingestion/jobs/{jobId}            202  cancelled
//	POST   /v1/ingestion/jobs/{jobId}/redrive    202  accepted once more
//	GET    /v1/ingestion/jobs/{jobId}/outcomes   200  NDJSON of what was rejected
//
// A request may carry Content-Digest with sha-256 or sha-512 (RFC 9530) or
// Content-MD5, and its body is refused if it has another; and If-None-Match (one
// job, by its ETag). A query is read strictly on every route: a parameter that is
// not known there, doubled or empty gets 400. Bundles may come with FHIR's _format
// and _pretty, which change nothing: the answer is JSON.
//
// A Bundle without a Content-Type is taken as application/fhir+json, and so is the
// application/json+fhir of FHIR DSTU 2.
//
// # Idempotency-Key
//
// Both POSTs that create a job take an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header): a string, with or without its
// quotation marks, of 1 to 255 printable ASCII characters. Keys are the
// organization's and the route's, and live as long as the record of their job.
//
//   - The same key with the same payload, for the same version of FHIR: the same
//     job and the same 202, byte for byte, whatever became of the job since. Nothing
//     is written and nothing is done again.
//   - The same key with another payload: 422. Where Content-Length or Content-Digest
//     show that it is another, its body is not read.
//   - The same key while its request is under way in this process: 409 with
//     Retry-After, at once. A request that another process has under way is not
//     known here: both go on, one creates the job, and the other gets the 202 of
//     that job or a 422.
//   - A request that was refused, or whose body was cut, leaves its key free.
//   - A request for an upload URL gets the same job and a URL that expires when the
//     first one does; 409 once the file has come or the URL has expired.
//
// # Signed webhooks
//
// With [Options.Webhooks] a Bundle may be sent by who has a secret and no token, as
// Standard Webhooks has it (https://www.standardwebhooks.com): webhook-id,
// webhook-timestamp and webhook-signature, and ?endpoint= with the name of the
// sender. The organization is the one that the endpoint was configured with. Nothing
// is said of the body, acknowledged or kept before its signature was found right; one
// that is wrong gets 401. The webhook-id is the idempotency key, within its endpoint;
// an Idempotency-Key, which is not signed, is passed over. No other route takes a
// signature.
//
// # Failed jobs
//
// GET jobs?status=failed lists them with their reasons: error for people, errorCode
// for programs, which code= selects by. Redriving several is paged: a call redrives
// at most limit of them (100 by default, at most 500) that failed from after on and
// before before, and answers
//
//	{"redriven": 100, "skipped": 0, "next": "…"}
//
// where next is the cursor to go on with, absent once there is nothing left. Pages
// that are selected by code, of either kind, look at a bounded number of jobs each:
// one may be short, or empty, and have a next.
//
// # In all answers
//
// HEAD is answered where GET is, OPTIONS everywhere. Times are RFC 3339 in UTC with
// six digits of fraction, and every answer has X-Request-Id. An error is
//
//	{"error": "…", "requestId": "…", "issues": […]}
//
// or an OperationOutcome where Accept prefers application/fhir+json. Another
// organization's job is answered like one that does not exist, byte for byte.
//
// Nothing of a payload appears in an answer to an error, or in the log. The log's
// line of a request that was refused says why: a code and a reason, without anything
// of the credentials.
package httpapi
