package dynamojobs

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// definition is that of the table, as create-table and CloudFormation take it, and as
// README.md has it.
//
//go:embed table.json
var definition []byte

// CreateTable makes a table with its indexes, paid by request, and waits until it can
// be used. It is for development and tests; elsewhere a table is made by those who
// look after it.
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
