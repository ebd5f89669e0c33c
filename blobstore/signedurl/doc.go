// Package signedurl provides signed URLs for buckets without a service of their own, such as
// a folder (dirblob) or memory (memblob): a [Signer] creates them, and [NewHandler] serves
// them with an object store's checks.
//
// # What a URL enforces
//
// A URL contains method, key, expiry and the whole [blobstore.UploadPolicy], signed with
// HMAC-SHA256. So a client needs only the URL and the content type:
//
//	curl -X PUT -H 'Content-Type: application/fhir+ndjson' --data-binary @file "$url"
//
// # Answers
//
//	200, 204  done
//	400       the body has the wrong length, does not match a digest (signed, or in
//	          Content-Digest or Content-MD5), or ended early; the bucket can't store the
//	          Content-Type or key; a PUT with Content-Range
//	403       the URL is expired, altered, or signed for another method or content type
//	404       GET or DELETE of a missing object
//	405       a method other than GET, HEAD, PUT and DELETE
//	408       the body arrived too slowly, or not at all; see [httpbody.Limits]
//	409       a create-only PUT while another one to the same key is in progress in this
//	          process, with Retry-After. The code is S3's ConditionalRequestConflict
//	411       a PUT without Content-Length
//	412       a create-only PUT of an existing object
//	413       larger than the signed size
//	415       a PUT with a Content-Encoding
//	429       too many uploads of one organization, with Retry-After; see
//	          [HandlerOptions.Admit]
//	503       the bucket failed, there are too many uploads or not enough space, or the server
//	          is shutting down. Nothing was stored. With Retry-After
//
// A refused upload leaves no object. Every answer has X-Request-Id, which is the client's if
// it is 1 to 64 characters of [A-Za-z0-9_-]; the log lines about a request have it too.
package signedurl
