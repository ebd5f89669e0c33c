package docjobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore/memdocstore"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

func open(t jobstest.T) jobs.Store {
	coll, err := memdocstore.OpenCollection(docjobs.KeyField, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = coll.Close() })
	s, err := docjobs.Open(t.Context(), coll, docjobs.MemoryForTests, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

func TestStore(t *testing.T) { jobstest.Run(t, open) }

var _ = require.NoError
