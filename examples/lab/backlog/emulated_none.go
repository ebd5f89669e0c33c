//go:build noaws || nokafka || nogcp || noazure

package main

// A build without a cloud's SDK has no emulators.
var emulated []*broker
