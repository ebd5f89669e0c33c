package dynamojobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/awsdynamodb/v2"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/internal/storeurl"
)

// parameters that gocloud.dev/aws supports.
// https://pkg.go.dev/gocloud.dev/aws#V2ConfigFromURLParams
var parameters = []string{
	"anonymous", "dualstack", "endpoint", "fips", "hostname_immutable", "profile", "rate_limiter_capacity", "region",
	"request_checksum_calculation", "response_checksum_validation", "role",
}

// Store is a job store in a DynamoDB table.
type Store struct {
	*docjobs.Store
	coll *docstore.Collection
}

// Close closes the collection. It does not wait for calls in progress.
func (s *Store) Close() error { return s.coll.Close() }

func init() { jobs.DefaultURLMux().Register(awsdynamodb.Scheme, URLOpener{}) }

// URLOpener opens URLs like dynamodb://TABLE?region=eu-central-1. It uses the AWS SDK's
// default credentials. The parameters are those of gocloud.dev/aws. Importing this package
// registers it with [jobs.DefaultURLMux].
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener]. It returns ErrTable if the table is missing or
// not as README.md defines it. It never creates the table, so it ignores SkipMigrations.
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, _ *jobs.OpenOptions) (jobs.OpenedStore, error) {
	u, err := storeurl.Parse(awsdynamodb.Scheme, "dynamodb://TABLE, with or without parameters", urlstr, parameters...)
	if err != nil {
		return nil, fmt.Errorf("dynamojobs: open store: %w", err)
	}
	if u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("dynamojobs: open store: the URL must be dynamodb://TABLE, with or without parameters")
	}
	config, err := gcaws.V2ConfigFromURLParams(ctx, u.Query())
	if err != nil {
		return nil, fmt.Errorf("dynamojobs: open store: %w", err)
	}
	// Errors are returned; by default the SDK logs to stderr too.
	quiet := func(o *dynamodb.Options) { o.Logger = logging.Nop{} }
	store, err := Open(ctx, dynamodb.NewFromConfig(config, quiet), u.Host, nil)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Open opens a table with the caller's client. It sets BeforeQuery itself; it is an error
// to set it in opts.
func Open(ctx context.Context, client *dynamodb.Client, table string, opts *docjobs.Options) (*Store, error) {
	switch {
	case client == nil:
		return nil, errors.New("dynamojobs: open store: a client is needed")
	case opts != nil && opts.BeforeQuery != nil:
		return nil, errors.New("dynamojobs: open store: Options.BeforeQuery is set by this package")
	}
	if err := checkTable(ctx, client, table); err != nil {
		return nil, fmt.Errorf("dynamojobs: open store: %w", err)
	}
	coll, err := awsdynamodb.OpenCollection(client, table, docjobs.KeyField, docjobs.SortField, &awsdynamodb.Options{ConsistentRead: true})
	if err != nil {
		return nil, fmt.Errorf("dynamojobs: open store: %w", err)
	}
	var o docjobs.Options
	if opts != nil {
		o = *opts
	}
	o.BeforeQuery = beforeQuery
	store, err := docjobs.Open(ctx, coll, docjobs.DynamoDB, &o)
	if err != nil {
		_ = coll.Close() // holds nothing
		return nil, fmt.Errorf("dynamojobs: %w", err)
	}
	return &Store{store, coll}, nil
}

// beforeQuery limits a query, because the driver would read a megabyte at a time, and
// turns off consistent reads for global indexes, which don't support them.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
func beforeQuery(limit int, asFunc func(any) bool) error {
	var in *dynamodb.QueryInput
	if !asFunc(&in) {
		return fmt.Errorf("dynamojobs: the query would scan the whole table: an index is missing")
	}
	in.Limit = aws.Int32(int32(min(limit, 1000)))
	if in.IndexName != nil {
		in.ConsistentRead = aws.Bool(false)
	}
	return nil
}
