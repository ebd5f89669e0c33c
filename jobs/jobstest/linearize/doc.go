// Package linearize checks whether a [jobs.Store] is linearizable: whatever concurrent
// clients see can be explained by calls that took effect one after the other, each at some
// moment between its start and its end. A call whose context ended while it was in
// progress may take effect then, later, or never.
//
//	func TestLinearizable(t *testing.T) {
//		linearize.Run(t, func(t jobstest.T) jobs.Store { return mystore.New() }, nil)
//	}
//
// It is separate from package jobstest, so that the conformance suite does not depend on
// the checker, github.com/anishathalye/porcupine.
//
// It checks Create, Get and Update with whole records and, with [Options.Snapshots], Due
// and single pages of List. It does not check cursors of List, whose pages are several
// calls, the limit of Due, or Update of a job that was never created.
package linearize
