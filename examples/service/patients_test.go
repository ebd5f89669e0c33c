package main

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

const (
	good     = `{"resourceType":"Patient","id":"good","name":[{"given":["A"]},{"family":"Chalmers"}],"birthDate":"1974-12-25"}`
	nameless = `{"resourceType":"Patient","id":"nameless","birthDate":"1980"}`
)

func testDatabase(t *testing.T, data string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(data, "patients.sqlite")))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t *testing.T) (*sql.DB, *patients) {
	t.Helper()
	db := testDatabase(t, t.TempDir())
	p, err := openPatients(t.Context(), db)
	require.NoError(t, err)
	return db, p
}

// row is a row of the table.
type row struct {
	Organization, ID, Family, BirthDate string
	Version                             int
}

func rows(t *testing.T, db *sql.DB) []row {
	t.Helper()
	found, err := db.Query("SELECT organization, id, family, COALESCE(birth_date, ''), version FROM patients ORDER BY organization, id")
	require.NoError(t, err)
	defer found.Close()
	all := []row{}
	for found.Next() {
		var r row
		require.NoError(t, found.Scan(&r.Organization, &r.ID, &r.Family, &r.BirthDate, &r.Version))
		all = append(all, r)
	}
	require.NoError(t, found.Err())
	return all
}

func codes(b *ingest.Batch) (all []string) {
	for _, o := range b.Rejected() {
		all = append(all, o.ID+" "+o.Issues[0].Code)
	}
	return all
}

func TestHandle(t *testing.T) {
	db, p := open(t)
	b := ingesttest.Batch(t, good+"\n"+nameless)
	require.NoError(t, p.Handle(t.Context(), b))
	require.Equal(t, []row{{ingesttest.Organization, "good", "Chalmers", "1974-12-25", 1}}, rows(t, db))
	require.Equal(t, []string{"nameless patient-name"}, codes(b))
}

func TestRejections(t *testing.T) {
	db, p := open(t)
	b := ingesttest.BundleBatch(t, `{"resourceType":"Bundle","type":"batch","entry":[
		{"request":{"method":"DELETE","url":"Patient/gone"}},
		{"request":{"method":"PUT","url":"Observation/o"},"resource":{"resourceType":"Observation","id":"o"}},
		{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","name":[{"family":"Chalmers"}]}},
		{"request":{"method":"PUT","url":"Patient/types"},"resource":{"resourceType":"Patient","id":"types","name":[{"family":["Chalmers"]}]}},
		{"request":{"method":"PUT","url":"Patient/unborn"},"resource":{"resourceType":"Patient","id":"unborn","name":[{"family":"Chalmers"}]}}]}`)
	require.NoError(t, p.Handle(t.Context(), b))
	require.Equal(t, []string{" not-supported", "o not-supported", " patient-id", "types patient-types"}, codes(b))
	require.Equal(t, []row{{ingesttest.Organization, "unborn", "Chalmers", "", 1}}, rows(t, db))
}

// A transaction is all or nothing.
func TestTransaction(t *testing.T) {
	db, p := open(t)
	b := ingesttest.BundleBatch(t, `{"resourceType":"Bundle","type":"transaction","entry":[
		{"request":{"method":"PUT","url":"Patient/good"},"resource":`+good+`},
		{"request":{"method":"PUT","url":"Patient/nameless"},"resource":`+nameless+`}]}`)
	require.NoError(t, p.Handle(t.Context(), b))
	require.True(t, b.Aborted())
	require.Empty(t, rows(t, db))
}

// Every batch comes twice, as after a crash. A redrive of a completed job does make its
// effects again.
func TestPipeline(t *testing.T) {
	db, p := open(t)
	pipeline := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: p, Redeliver: true, Effects: func() any { return rows(t, db) },
	})
	job := pipeline.Wait(t, pipeline.Client.Upload(t, "application/fhir+ndjson", []byte(good+"\n"+nameless)))
	require.Equal(t, jobs.Completed, job.State)
	require.Equal(t, []row{{ingesttest.Organization, "good", "Chalmers", "1974-12-25", 1}}, rows(t, db))
	outcomes := pipeline.Client.Outcomes(t, job.ID)
	require.Equal(t, 200, outcomes.Status)
	require.Contains(t, string(outcomes.Body), `"patient-name"`)

	require.Equal(t, 202, pipeline.Client.Redrive(t, job.ID).Status)
	pipeline.Wait(t, job.ID)
	require.Equal(t, 2, rows(t, db)[0].Version)
}
