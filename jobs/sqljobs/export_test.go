package sqljobs

// QueriesForTest are the queries that are asked again and again, with so many
// parameters each.
func QueriesForTest(d Dialect) (due, list, listState string) {
	q := queriesFor(d)
	return q.due, q.list, q.listState
}
