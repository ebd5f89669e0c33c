package docservers

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fhirdock/fhirdock/examples/internal/docservers/firestorefake"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

// Firestore starts the stand-in, with the indexes that the page of firestorejobs gives.
func Firestore(context.Context, string) (*Server, error) {
	s, err := firestorefake.Start(FirestoreIndexes())
	if err != nil {
		return nil, err
	}
	var stores atomic.Int64
	return &Server{
		Name: "a stand-in for Firestore of our own",
		Env:  map[string]string{"FIRESTORE_EMULATOR_HOST": s.Address()},
		Fresh: func(context.Context) (string, error) {
			return fmt.Sprintf("firestore://projects/p%d/databases/(default)/documents/jobs", stores.Add(1)), nil
		},
		LoseAnswers: s.LoseAnswers,
		stop:        s.Close,
	}, nil
}

// FirestoreIndexes are those of the page, for the collections that [Firestore] makes.
func FirestoreIndexes() []byte {
	return bytes.ReplaceAll(firestorejobs.Indexes(), []byte(`"NAME"`), []byte(`"jobs"`))
}
