module github.com/fhirdock/fhirdock

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1 // tests: job stores are linearizable
	github.com/go-json-experiment/json v1.27.2 // tests: a reference for the JSON scanner
	github.com/go-sql-driver/mysql v1.10.1 // tests: ingest/sqlonce on MariaDB; the program imports the driver
	github.com/google/uuid v1.6.0 // ids of jobs and requests
	github.com/jackc/pgx/v5 v5.13.0 // PostgreSQL: jobs/sqljobs/pgx, queue/pgnotify
	github.com/stretchr/testify v1.12.1 // tests: assertions
	go.opentelemetry.io/otel v1.47.0 // trace context from publisher to worker
	go.opentelemetry.io/otel/trace v1.47.0 // spans of a job
	gocloud.dev v0.49.0 // blob, pubsub and docstore: portable APIs whose drivers the program chooses
	golang.org/x/sync v0.25.0 // errgroup
	golang.org/x/sys v0.50.0 // file locks and free disk space
	golang.org/x/time v0.16.0 // rate limits of an organization's budget
	modernc.org/sqlite v1.62.0 // SQLite without cgo: jobs/sqljobs
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/googleapis/gax-go/v2 v2.27.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk/metric v1.47.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/xerrors v0.0.0-20240903120638-7835f813f4da // indirect
	google.golang.org/api v0.308.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b // indirect
	google.golang.org/grpc v1.84.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
