module github.com/fhirdock/fhirdock/examples/lab/jobsbench

go 1.26.0

replace github.com/fhirdock/fhirdock => ../../..

require (
	github.com/fhirdock/fhirdock v0.0.0
	github.com/hibiken/asynq v0.26.0 // compared: a queue on Redis
	github.com/jackc/pgx/v5 v5.13.0 // PostgreSQL for all that are compared
	github.com/redis/go-redis/v9 v9.23.0 // Redis for asynq
	github.com/riverqueue/river v0.51.2 // compared: a queue on PostgreSQL and SQLite
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.51.2 // River on PostgreSQL
	github.com/riverqueue/river/riverdriver/riversqlite v0.51.2 // River on SQLite
	github.com/stretchr/testify v1.12.1 // tests: assertions
	modernc.org/sqlite v1.62.0 // SQLite for all that are compared
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/riverqueue/river/riverdriver v0.51.2 // indirect
	github.com/riverqueue/river/rivershared v0.51.2 // indirect
	github.com/riverqueue/river/rivertype v0.51.2 // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	github.com/spf13/cast v1.10.0 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
