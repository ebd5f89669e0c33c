package sqljobs

import "github.com/fhirdock/fhirdock/jobs"

// QueriesForTest are the queries that are asked again and again, with so many
// parameters each.
func QueriesForTest(d Dialect) (due, list, listState string) {
	q := queriesFor(d)
	return q.due, q.list, q.listState
}

// HeadsQueryForTest is a query of heads; see headsQuery for its parameters.
func HeadsQueryForTest(d Dialect, s jobs.Standing, one bool) string { return headsQuery(d, s, one) }
