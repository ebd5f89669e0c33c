package docservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
)

// dynaliteVersion is pinned, so that its behaviour does not change.
const dynaliteVersion = "4.0.0"

const (
	dynamoKey    = "fhirdock-test"
	dynamoSecret = "fhirdock-test-secret"
	dynamoRegion = "us-east-1"
)

// DynamoDB starts dynalite in memory. It returns ErrMissing if dynalite is not installed.
// It needs Node.js.
func DynamoDB(ctx context.Context, _ string) (*Server, error) {
	path, err := localserver.Binary(ctx, "FHIRDOCK_TEST_DYNALITE", "dynalite", dynaliteVersion, filepath.Join("node_modules", ".bin", "dynalite"), func(folder string) []string {
		return localserver.NPM(folder, "dynalite@"+dynaliteVersion)
	})
	if err != nil {
		return nil, err
	}
	address, err := localserver.FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := localserver.Start(ctx, address, nil, path, "--host", host, "--port", port, "--createTableMs", "0", "--updateTableMs", "0")
	if err != nil {
		return nil, err
	}
	proxy, address, err := startFront(ctx, address)
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	var tables atomic.Int64
	client := DynamoDBClient(address)
	return &Server{
		Name: "dynalite " + dynaliteVersion + ", an emulator",
		Env: map[string]string{
			"AWS_ACCESS_KEY_ID": dynamoKey, "AWS_SECRET_ACCESS_KEY": dynamoSecret, "AWS_EC2_METADATA_DISABLED": "true",
			AddressVariable: address,
		},
		Fresh: func(ctx context.Context) (string, error) {
			table := fmt.Sprintf("jobs-%d", tables.Add(1))
			if err := dynamojobs.CreateTable(ctx, client, table); err != nil {
				return "", err
			}
			return "dynamodb://" + table + "?" + url.Values{"endpoint": {"http://" + address}, "region": {dynamoRegion}}.Encode(), nil
		},
		LoseAnswers: proxy.loseAnswers,
		Lag:         proxy.lags.Store,
		Halve:       proxy.halves.Store,
		stop:        func() error { return errors.Join(proxy.stop(), p.Stop()) },
	}, nil
}

// AddressVariable is the variable in [DynamoDB]'s environment with its address.
const AddressVariable = "FHIRDOCK_TEST_DYNAMODB_ADDRESS"

// DynamoDBClient returns a client of a server that [DynamoDB] started.
func DynamoDBClient(address string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String("http://" + address), Region: dynamoRegion,
		Credentials: credentials.NewStaticCredentialsProvider(dynamoKey, dynamoSecret, ""),
	})
}
