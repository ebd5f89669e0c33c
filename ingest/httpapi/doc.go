// Package httpapi serves an [ingest.Service] over HTTP, as routes under /v1/ingestion.
//
//	POST   /v1/ingestion/fhir/Bundle             202  a Bundle is accepted
//	POST   /v1/ingestion/upload-url              200  a URL to PUT a file to
//	GET    /v1/ingestion/jobs                    200  jobs, newest first: ?status= &code= &limit= &cursor=
//	POST   /v1/ingestion/jobs/redrive            202  failed jobs accepted once more: ?status=failed &code= &after= &before= &limit= &cursor=
//	GET    /v1/ingestion/jobs/{jobId}            200  one job
//	DELETE /v1/ingestion/jobs/{jobId}            202  cancelled
//	POST   /v1/ingestion/jobs/{jobId}/redrive    202  accepted once more
//	GET    /v1/ingestion/jobs/{jobId}/outcomes   200  rejected resources as NDJSON
//
// A request may carry Content-Digest with sha-256 or sha-512 (RFC 9530) or Content-MD5,
// and its body is refused if it does not match; and If-None-Match (one job, by its ETag).
// Queries are parsed strictly on every route: an unknown, repeated or empty parameter gets
// 400. Bundles may come with FHIR's _format and _pretty, which change nothing: the response
// is JSON.
//
// A Bundle without a Content-Type is taken as application/fhir+json, and so is the
// application/json+fhir of FHIR DSTU 2.
//
// # Idempotency-Key
//
// Both POSTs that create a job accept an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header): a string, with or without its quotation
// marks, of 1 to 255 printable ASCII characters. Keys are scoped to the organization and the
// route, and live as long as the record of their job.
//
//   - The same key with the same payload, for the same version of FHIR: the same job and
//     the same 202, byte for byte, whatever the job's state. Nothing is written or
//     processed again.
//   - The same key with another payload: 422. If Content-Length or Content-Digest differ,
//     the body is not read.
//   - The same key while its request is in progress in this process: 409 with Retry-After,
//     at once. If it is in progress in another process, both continue, one creates the
//     job, and the other gets the 202 of that job or a 422.
//   - A refused request, or one with an incomplete body, leaves its key free.
//   - A request for an upload URL gets the same job and a URL that expires when the
//     first one does; 409 once the file has arrived or the URL has expired.
//
// # Signed webhooks
//
// With [Options.Webhooks] senders may sign their Bundles instead of sending a token, as
// specified by Standard Webhooks (https://www.standardwebhooks.com): with the headers
// webhook-id, webhook-timestamp and webhook-signature, and ?endpoint= with the sender's
// name. The organization is the one configured for the endpoint.
//
// The headers are checked before the body is read. The body is then spooled, within
// [Options.MaxUnverifiedBytes] for all requests together, until its signature has been
// verified. Only then is it parsed, and are Content-Type, digests and the query checked.
// Until then every error is a 401, even for a body that is too large or an unknown endpoint;
// the log has the reason. There are two exceptions: 408 for a body that comes too slowly,
// and 503 with Retry-After if there is no room for the body, too many webhooks are in
// flight, or the server is shutting down.
//
// The webhook-id is the idempotency key, within its endpoint. An Idempotency-Key is
// ignored, since it is not signed. Other routes don't accept signatures.
//
// # Lists
//
// GET jobs answers
//
//	{"jobs": [{"jobId": "…", …, "issueCount": 3}], "next": "…"}
//
// with at most limit jobs (50 by default, at most 500). Jobs in lists have the number of
// their issues instead of the issues; GET the job to read those. A page ends after about 1
// MiB of records, so follow next, or the Link, until there is none, however few jobs a page
// has.
//
// # Slow clients
//
// A body that stalls, comes too slowly or takes too long gets 408. If a body is not read,
// for example for lack of credentials, its connection is closed a second after the
// response. See [Options.Body]. The handler sets these deadlines itself, so they hold under
// any http.Server, and its WriteTimeout does not cut off the response to a long body. For
// connections without a request, set the server's ReadHeaderTimeout and IdleTimeout. When
// the server's BaseContext is cancelled, requests whose body is being read get 503 with
// Retry-After.
//
// # Failed jobs
//
// GET jobs?status=failed lists them with their reasons: error for people, errorCode for
// programs and for code=. Redriving several is paged: a call redrives at most limit jobs
// (100 by default, at most 500) that failed at or after after and before before, and
// answers
//
//	{"redriven": 100, "skipped": 0, "next": "…"}
//
// where next is the cursor to continue from, absent if there are no more jobs. Pages
// selected by code, of both kinds, look at a bounded number of jobs: one may be short, or
// empty, and have a next.
//
// # Budgets
//
// [Options.Budget] bounds requests in flight and their bytes, lists, requests per second,
// and requests that are not authenticated yet, in total and for each organization; see
// package budget. A request over a limit is refused before its body is read, with
//
//	429  if its organization is over its share
//	503  if all requests together are over the server's
//
// and Retry-After and RateLimit; a 429 has RateLimit-Policy too
// (draft-ietf-httpapi-ratelimit-headers-11). A body without a Content-Length may be refused
// after its first MiB. A few requests are processed at a time, and organizations take
// turns. A request gives up its turn while its client is slow to send or to read.
//
// A Service that refuses new jobs because too many are waiting (MaxWaiting and
// MaxWaitingPerOrganization of [ingest.Options]) leads to the same answers.
//
// # In all responses
//
// If the job store or the bucket does not answer within ingest's Options.StoreTimeout, 2.5
// seconds by default, the response is a 503 with Retry-After; if outcomes stop coming, the
// connection is closed. After a 503 to a POST of a Bundle its job may exist: repeat the
// request with the same Idempotency-Key.
//
// HEAD works wherever GET does, OPTIONS everywhere. Times are RFC 3339 in UTC with six
// digits of fraction, and every response has X-Request-Id. An error is
//
//	{"error": "…", "requestId": "…", "issues": […]}
//
// or an OperationOutcome if Accept prefers application/fhir+json. Another organization's job
// is answered like one that does not exist, byte for byte.
//
// Nothing of a payload appears in an error response or in the log. The log line of a
// refused request says why: a code and a reason, without anything of the credentials.
//
// # For operators
//
// [Health] answers probes, [NewAdmin] adds metrics and profiles on a separate address, and
// [AccessLog] logs and counts the requests to all routes of a program, including signed
// uploads. None of them is a route of [New]'s handler, and neither is [ingest.Operator], the
// operator's view of all organizations: no credentials give access to it.
package httpapi
