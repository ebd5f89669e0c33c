// Package linearize checks whether a [jobs.Store] is linearizable: whatever several
// clients see who use it at once can be explained by calls that were made one behind
// the other, each at some moment between its beginning and its end. Calls whose
// context ended while they were under way may have been made or not, also later.
//
//	func TestLinearizable(t *testing.T) {
//		linearize.Run(t, func(t jobstest.T) jobs.Store { return mystore.New() }, nil)
//	}
//
// It is beside the conformance suite, and not a part of it, so that package jobstest
// does not depend on the checker, github.com/anishathalye/porcupine.
//
// What is checked: Create, Get and Update, with whole records; with
// [Options.Snapshots] also Due, and List of one page. What is not: cursors of List,
// whose pages are several calls; the limit of Due; Update of a job that was never
// created.
package linearize
