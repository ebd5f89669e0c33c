package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysAreHidden(t *testing.T) {
	const key = "drop/org/Anna Müller\u0001.ndjson"
	missing := &fs.PathError{Op: "open", Path: "/data/drop/org/Anna__0x20__M.ndjson", Err: fs.ErrNotExist}
	for _, err := range []error{
		errors.New("blob (key " + strconv.Quote(key) + "): refused"),
		errors.New("get " + key + ": refused"),
		errors.New(`Head "https://bucket.example/drop/org/Anna%20M%C3%BCller.ndjson?x=Anna": refused`),
		fmt.Errorf("blobstore: %w", missing),
	} {
		hidden := hideKey(err, key)
		require.NotContains(t, hidden.Error(), "Anna")
		require.ErrorIs(t, hidden, err)
	}
	require.Contains(t, hideKey(errors.New(key+": refused"), key).Error(), "an object below drop/org: refused")
}
