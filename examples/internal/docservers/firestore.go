package docservers

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fhirdock/fhirdock/examples/internal/docservers/firestorefake"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

// Firestore starts the stand-in with the indexes on firestorejobs' page.
func Firestore(context.Context, string) (*Server, error) {
	s, err := firestorefake.Start(FirestoreIndexes())
	if err != nil {
		return nil, err
	}
	var stores atomic.Int64
	return &Server{
		Name: "our own stand-in for Firestore",
		Env:  map[string]string{"FIRESTORE_EMULATOR_HOST": s.Address()},
		Fresh: func(context.Context) (string, error) {
			return fmt.Sprintf("firestore://projects/p%d/databases/(default)/documents/jobs", stores.Add(1)), nil
		},
		LoseAnswers: s.LoseAnswers,
		stop:        s.Close,
	}, nil
}

// FirestoreIndexes returns the page's indexes for the collections that [Firestore]
// creates.
func FirestoreIndexes() []byte {
	return bytes.ReplaceAll(firestorejobs.Indexes(), []byte(`"NAME"`), []byte(`"jobs"`))
}
