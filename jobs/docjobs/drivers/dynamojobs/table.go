package dynamojobs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/fhirdock/fhirdock/jobs/docjobs"
)

// keys are the partition and the sort key of a table or an index, both strings.
type keys struct{ partition, sort string }

var (
	tableKeys = keys{docjobs.KeyField, docjobs.SortField}
	indexKeys = []keys{{"Org", "Place"}, {"OrgState", "Place"}, {"DueShard", "Due"}}
)

// ErrTable: the table is missing, or not as README.md defines it.
var ErrTable = errors.New("dynamojobs: the table does not match its definition")

// checkTable compares a table with its definition. Additional indexes are allowed.
func checkTable(ctx context.Context, client *dynamodb.Client, table string) error {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("%w: there is no table %s in this region", ErrTable, table)
	case err != nil:
		return err
	}
	t := out.Table
	var wrong []string
	if keysOf(t.KeySchema) != tableKeys {
		wrong = append(wrong, "its keys must be "+tableKeys.String())
	}
	active := map[keys]bool{}
	for _, i := range t.GlobalSecondaryIndexes {
		active[keysOf(i.KeySchema)] = i.IndexStatus == types.IndexStatusActive || i.IndexStatus == types.IndexStatusUpdating
	}
	for _, k := range indexKeys {
		if is, found := active[k]; !found {
			wrong = append(wrong, "it needs a global index by "+k.String())
		} else if !is {
			wrong = append(wrong, "the global index by "+k.String()+" is not complete yet")
		}
	}
	text := map[string]bool{}
	for _, a := range t.AttributeDefinitions {
		text[*a.AttributeName] = a.AttributeType == types.ScalarAttributeTypeS
	}
	for _, k := range append([]keys{tableKeys}, indexKeys...) {
		for _, name := range []string{k.partition, k.sort} {
			if is, found := text[name]; found && !is {
				wrong = append(wrong, name+" must be a string")
				text[name] = true // once
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: table %s: %s", ErrTable, table, strings.Join(wrong, "; "))
	}
	return nil
}

func keysOf(schema []types.KeySchemaElement) (k keys) {
	for _, e := range schema {
		if e.KeyType == types.KeyTypeHash {
			k.partition = *e.AttributeName
		} else {
			k.sort = *e.AttributeName
		}
	}
	return k
}

func (k keys) String() string { return k.partition + " (partition) and " + k.sort + " (sort)" }
