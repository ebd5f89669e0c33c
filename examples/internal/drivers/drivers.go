// Package drivers links in every driver that the programs of this module can open by URL.
// To build a smaller program, leave drivers out with the build tags noaws, nogcp, noazure,
// nokafka and nomongo.
package drivers

import (
	_ "github.com/fhirdock/fhirdock/jobs/sqljobs/pgx"
	_ "github.com/fhirdock/fhirdock/queue/brokers/natsqueue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/rabbitqueue"
	_ "github.com/fhirdock/fhirdock/queue/pgnotify"
)
