package dynamojobs

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// definition of the table, in the form of create-table and CloudFormation.
//
//go:embed table.json
var definition []byte

// CreateTable creates a table with its indexes, billed per request, and waits until it is
// active. It is meant for development and tests.
func CreateTable(ctx context.Context, client *dynamodb.Client, table string) error {
	var in dynamodb.CreateTableInput
	if err := json.Unmarshal(definition, &in); err != nil {
		return fmt.Errorf("dynamojobs: create table: %w", err)
	}
	in.TableName = &table
	if _, err := client.CreateTable(ctx, &in); err != nil {
		return fmt.Errorf("dynamojobs: create table: %w", err)
	}
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 100 * time.Millisecond })
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &table}, 5*time.Minute); err != nil {
		return fmt.Errorf("dynamojobs: create table: %w", err)
	}
	return nil
}
