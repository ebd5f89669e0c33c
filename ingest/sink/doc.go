// Package sink has ready-made handlers for an [ingest.Worker].
//
// # Lake
//
// A [Lake] writes payloads to NDJSON files in a bucket, one for each resource type of a
// job:
//
//	processed/{organization}/{jobId}/Patient.ndjson
//	processed/{organization}/{jobId}/Observation.ndjson
//	processed/{organization}/{jobId}/manifest.json
//
// It stores a resource if its entry has no request, as in a collection, a message or an
// NDJSON file, or if the request is a POST to a type or a PUT. It rejects every other entry
// and names the method in the outcome: the lake applies no deletions and patches and runs
// no operations, and must not store their bodies as if they were live resources. One such
// entry fails a whole transaction.
//
// Each line is one resource, byte for byte as sent, except for line ends within a resource
// and the white space around its tokens. The lines of a file are in the order of the
// payload, each exactly once regardless of retries: batches are stored in parts named by
// their position in the payload, and the files are made from the parts at the end. The
// manifest is written last; if it exists, the files it lists are complete. During a redrive
// the files of a completed job remain, and are then replaced one by one. Resources of types
// that no version of FHIR defines go to Other.ndjson, so that a sender can't choose file
// names.
package sink
