package faulttest_test

import (
	"bytes"
	"context"
	"fmt"

	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest/faulttest"
)

// Run a scenario once to record its calls, and once more for each of them, with a fault
// there.
func Example() {
	scenario := func(plan faulttest.Plan) error {
		bucket := faulttest.Bucket(memblob.OpenBucket(nil), plan)
		defer bucket.Close()
		if err := bucket.WriteAll(context.Background(), "a", []byte("1"), nil); err != nil {
			return err
		}
		content, err := bucket.ReadAll(context.Background(), "a")
		if err == nil && !bytes.Equal(content, []byte("1")) {
			panic("read other data than was written")
		}
		return err
	}
	var calls faulttest.Recorder
	if err := scenario(calls.Plan(nil)); err != nil {
		panic(err)
	}
	runs := 0
	for kind, n := range calls.Count() {
		for i := range n {
			_ = scenario(faulttest.NthCall(kind, i+1, faulttest.After))
			runs++
		}
	}
	fmt.Println(runs == len(calls.Calls()), "beginning with", calls.Calls()[0])
	// Output: true beginning with bucket.Write a
}
