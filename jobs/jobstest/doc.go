// Package jobstest is the conformance suite for implementations of [jobs.Store].
//
//	func TestStore(t *testing.T) {
//		jobstest.Run(t, func(t jobstest.T) jobs.Store { return mystore.New() })
//	}
//
// [Clauses] returns the tests one by one, so that a store's author can see which one a
// planted fault breaks. The package's own tests do that for all of them.
package jobstest
