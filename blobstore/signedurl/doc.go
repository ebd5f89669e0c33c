// Package signedurl gives signed URLs to buckets that have no service in front
// of them, such as a folder (dirblob) or memory (memblob): a [Signer] that makes
// them, and [NewHandler], which serves them with the refusals of an object store.
//
// # What a URL binds
//
// Method, key, expiry and the whole [blobstore.UploadPolicy] stand in the URL's
// query under an HMAC-SHA256. So a client needs nothing but the URL and the
// content type:
//
//	curl -X PUT -H 'Content-Type: application/fhir+ndjson' --data-binary @file "$url"
//
// # What is answered
//
//	200, 204  done
//	400       the body is not as long as was promised, or has another digest (the one that
//	          was signed, or that Content-Digest or Content-MD5 says), or ended early;
//	          a Content-Type or key that the bucket can't keep; a PUT with Content-Range
//	403       expired, altered, signed for another method or content type
//	404       GET or DELETE of what is not there
//	405       a method that no URL is signed for
//	408       the body came too slowly, or not at all; see [httpbody.Limits]
//	409       a create-only PUT while this process takes another one to the same key, with
//	          Retry-After. The code is ConditionalRequestConflict, as S3's
//	411       a PUT without Content-Length
//	412       a create-only PUT of a key that is taken
//	413       above the size that was signed
//	415       a PUT with a Content-Encoding
//	429       too many uploads of one organization, with Retry-After; see
//	          [HandlerOptions.Admit]
//	503       the bucket failed, too many uploads are under way, there is not enough space,
//	          or the server is shutting down; nothing was stored. With Retry-After
//
// An upload that is refused leaves no object.
package signedurl
