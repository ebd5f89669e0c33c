//go:build unix

package main

import "fmt"

// pairing is an object store, a queue and a job store that a user would choose together.
type pairing struct {
	title               string
	objects, queue, job part
}

func (p pairing) name() string {
	return fmt.Sprintf("%s: %s + %s + %s", p.title, p.objects, p.queue, p.job)
}

// alone reports whether one process both accepts and works.
func (p pairing) alone() bool { return p.objects.alone || p.queue.alone || p.job.alone }

// own reports whether the object store is the gateway's own, so that each upload goes
// through the gateway.
func (p pairing) own() bool { return p.objects.told == nil }

// pairings lists all pairings.
var pairings = []pairing{
	{"embedded", folder, inProcess, sqlite},
	{"in memory", memory, memQueue, memJobs},
	{"files", fileblob, inProcess, sqlite},
	{"one database", folder, notify, postgres},
	{"own servers", s3, rabbitMQ, postgres},
	{"own servers", s3, jetStream, postgres},
	{"own servers", s3, kafka, mongoDB},
	{"AWS", s3, sqsFIFO, dynamoDB},
	{"AWS", s3, sqs, dynamoDB},
	{"AWS", s3, sns, postgres},
	{"GCP", gcs, pubSub, firestore},
	{"GCP", gcs, pubSub, postgres},
	{"Azure", azure, service, postgres},
	{"Azure", azure, service, mongoDB},
}
