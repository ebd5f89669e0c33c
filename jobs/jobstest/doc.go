// Package jobstest is the conformance suite of [jobs.Store]: what every store
// promises, as tests.
//
//	func TestStore(t *testing.T) {
//		jobstest.Run(t, func(t jobstest.T) jobs.Store { return mystore.New() })
//	}
//
// [Clauses] names each promise by itself, so that a store's author can see which
// one a planted fault breaks; the package's own tests do that for all of them.
package jobstest
