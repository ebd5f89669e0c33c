package docservers_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// tableLike returns the correct table under another name.
func tableLike(t *testing.T, attributes []types.AttributeDefinition, n int) *dynamodb.CreateTableInput {
	t.Helper()
	keys := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange},
		}
	}
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(fmt.Sprintf("other-%d", n)), BillingMode: types.BillingModePayPerRequest,
		KeySchema: keys("ID", "Sort"), AttributeDefinitions: slices.Clone(attributes),
	}
	for _, k := range [][2]string{{"Org", "Place"}, {"OrgState", "Place"}, {"DueShard", "Due"}} {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(k[0] + "-index"), KeySchema: keys(k[0], k[1]), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	return in
}

func attribute(names ...string) func(types.AttributeDefinition) bool {
	return func(a types.AttributeDefinition) bool { return slices.Contains(names, *a.AttributeName) }
}
