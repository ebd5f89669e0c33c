// Package sink has ready-made handlers for an [ingest.Worker].
//
// # Lake
//
// A [Lake] turns payloads into NDJSON files, one for each resource type of a
// job, in a bucket:
//
//	processed/{organization}/{jobId}/Patient.ndjson
//	processed/{organization}/{jobId}/Observation.ndjson
//	processed/{organization}/{jobId}/manifest.json
//
// A resource is kept if its entry has no request, as in a collection, a message or an
// NDJSON file, or is a POST to a type or a PUT. Every other entry is rejected and its
// method is named in the outcome: the lake applies no deletions and patches and runs
// no operations, and must not keep what those carry as if it were a live resource. One
// such entry fails a whole transaction.
//
// Each line is one resource as it was sent, byte for byte; only line ends
// inside a resource are taken out, with the white space around its tokens. The
// lines of a file are in the order of the payload, and each is there once,
// whatever was retried: batches are kept in parts that are named by their place
// in the payload, and the files are made of the parts when all are there. The
// manifest is written last: where it is, the files that it lists are complete.
// The files of a completed job stand while it is redriven, and are replaced one
// by one. Resources of types that no version of FHIR defines are all written to
// Other.ndjson: a name that a sender made up names no file.
package sink
