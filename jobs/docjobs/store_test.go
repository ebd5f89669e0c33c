package docjobs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/memdocstore"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

// memory opens a collection in memory, with a key of one field or of two.
func memory(t jobstest.T, d docjobs.Database) *docstore.Collection {
	open := func() (*docstore.Collection, error) { return memdocstore.OpenCollection(docjobs.KeyField, nil) }
	if d == docjobs.MemoryOfItems {
		open = func() (*docstore.Collection, error) {
			return memdocstore.OpenCollectionWithKeyFunc(twoFields, nil)
		}
	}
	coll, err := open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = coll.Close() })
	return coll
}

func twoFields(doc docstore.Document) any {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil
	}
	var key struct{ ID, Sort string }
	_ = json.Unmarshal(raw, &key)
	if key.ID == "" {
		return nil
	}
	return key.ID + "\x00" + key.Sort
}

func store(t jobstest.T, coll *docstore.Collection, d docjobs.Database, opts *docjobs.Options) *docjobs.Store {
	s, err := docjobs.Open(t.Context(), coll, d, opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// The two kinds of lines and indexes. The drivers' own tests are in
// examples/internal/docservers.
var ways = map[string]docjobs.Database{"indexes": docjobs.MemoryForTests, "items": docjobs.MemoryOfItems}

// spoilable is a store whose records can be damaged; see jobstest.
type spoilable struct {
	*docjobs.Store
	coll *docstore.Collection
	of   docjobs.Database
}

func (s spoilable) Spoil(t jobstest.T, id string) {
	key := map[string]any{"ID": id}
	if s.of == docjobs.MemoryOfItems {
		key["Sort"] = "job"
	}
	if err := s.coll.Update(t.Context(), key, docstore.Mods{"Record": `{"UserID":"secret`}); err != nil {
		t.Fatalf("spoil: %v", err)
	}
}

func TestStore(t *testing.T) {
	for name, d := range ways {
		t.Run(name, func(t *testing.T) {
			jobstest.Run(t, func(t jobstest.T) jobs.Store {
				coll := memory(t, d)
				return spoilable{store(t, coll, d, nil), coll, d}
			})
		})
	}
}

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func newJob(org string, n int) *jobs.Job {
	at := noon.Add(time.Duration(n) * time.Second)
	return &jobs.Job{ID: jobs.NewID(), OrganizationID: org, State: jobs.Accepted, MaxAttempts: 3, DueAt: at, CreatedAt: at, UpdatedAt: at}
}

func TestTooLarge(t *testing.T) {
	s := store(t, memory(t, docjobs.MemoryForTests), docjobs.MemoryForTests, &docjobs.Options{MaxRecord: 2000})
	job := newJob("a", 1)
	require.NoError(t, s.Create(t.Context(), job))
	job.UserID = strings.Repeat("secret", 400)
	err := s.Update(t.Context(), job)
	require.ErrorIs(t, err, docjobs.ErrTooLarge)
	require.NotContains(t, err.Error(), "secret")
	require.EqualValues(t, 1, job.Revision)
	other := newJob("a", 2)
	other.UserID = job.UserID
	require.ErrorIs(t, s.Create(t.Context(), other), docjobs.ErrTooLarge)
	_, err = s.Get(t.Context(), other.ID)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	there, err := s.Get(t.Context(), job.ID)
	require.NoError(t, err)
	require.Empty(t, there.UserID)
}

func TestOrganizations(t *testing.T) {
	s := store(t, memory(t, docjobs.MemoryForTests), docjobs.MemoryForTests, nil)
	for _, org := range []string{"", "a\x01b", "a\nb", "a\x00", "\xff", strings.Repeat("x", 901)} {
		job := newJob(org, 1)
		err := s.Create(t.Context(), job)
		require.Error(t, err)
		if org != "" {
			require.NotContains(t, err.Error(), org)
		}
		_, err = s.Get(t.Context(), job.ID)
		require.ErrorIs(t, err, jobs.ErrNotFound)
		page, err := s.List(t.Context(), jobs.Query{OrganizationID: org})
		require.NoError(t, err)
		require.Empty(t, page.Jobs)
	}
	for _, org := range []string{"é", "a b", "%", strings.Repeat("x", 900)} {
		require.NoError(t, s.Create(t.Context(), newJob(org, 1)))
	}
}

// A record that can't be read does not hide the others.
func TestBrokenRecord(t *testing.T) {
	for name, d := range ways {
		t.Run(name, func(t *testing.T) {
			coll := memory(t, d)
			s := store(t, coll, d, nil)
			all := []*jobs.Job{newJob("a", 1), newJob("a", 2), newJob("b", 3)}
			for _, j := range all {
				require.NoError(t, s.Create(t.Context(), j))
			}
			key := map[string]any{"ID": all[0].ID}
			if d == docjobs.MemoryOfItems {
				key["Sort"] = "job"
			}
			for _, record := range []string{`{"ID":`, `{"ID":"other"}`, `{"UserID":7,"Secret":"x"}`} {
				require.NoError(t, coll.Update(t.Context(), key, docstore.Mods{"Record": record}))
				_, err := s.Get(t.Context(), all[0].ID)
				require.ErrorContains(t, err, "not the JSON of a job")
				require.NotErrorIs(t, err, jobs.ErrNotFound)
				require.NotContains(t, err.Error(), "Secret")
				due, err := s.Due(t.Context(), noon.Add(time.Hour), 10)
				require.ErrorContains(t, err, "1 of 3")
				require.Len(t, due, 2)
				for _, order := range []jobs.Order{jobs.Unordered, jobs.Ordered, jobs.Blocking} {
					next, err := s.Next(t.Context(), jobs.NextQuery{Now: noon, Limit: 9, Order: order})
					require.ErrorIs(t, err, jobs.ErrRecord)
					require.Len(t, next, 2)
				}
			}
		})
	}
}

// A document without a docstore revision is not updated, because the replacement would be
// unconditional.
func TestNoRevisionNoUpdate(t *testing.T) {
	coll := memory(t, docjobs.MemoryForTests)
	s := store(t, coll, docjobs.MemoryForTests, nil)
	job := newJob("a", 1)
	require.NoError(t, s.Create(t.Context(), job))
	there := map[string]any{"ID": job.ID}
	require.NoError(t, coll.Get(t.Context(), there))
	require.NoError(t, coll.Delete(t.Context(), there))
	delete(there, docstore.DefaultRevisionField)
	require.NoError(t, coll.Create(t.Context(), there))
	require.Error(t, s.Update(t.Context(), job))
}

func TestOptionsThatCannotWork(t *testing.T) {
	_, err := docjobs.Open(t.Context(), memory(t, docjobs.MemoryForTests), "sqlite", nil)
	require.ErrorContains(t, err, string(docjobs.DynamoDB))
	_, err = docjobs.Open(t.Context(), nil, docjobs.MemoryForTests, nil)
	require.ErrorContains(t, err, "needs a collection")
	for _, n := range []int{-1, 1 << 30} {
		_, err = docjobs.Open(t.Context(), memory(t, docjobs.MemoryForTests), docjobs.MemoryForTests, &docjobs.Options{MaxRecord: n})
		require.ErrorContains(t, err, "MaxRecord")
	}
}

// Next walks in steps along the jobs of many organizations and the many jobs of one.
func TestNextOfMany(t *testing.T) {
	for name, d := range ways {
		t.Run(name, func(t *testing.T) {
			s := store(t, memory(t, d), d, nil)
			for n := range 300 {
				require.NoError(t, s.Create(t.Context(), newJob("flood", n)))
			}
			for n := range 100 {
				require.NoError(t, s.Create(t.Context(), newJob("few-"+string(rune('a'+n%26))+string(rune('a'+n/26)), n)))
			}
			for _, each := range []int{1, 3, 200} {
				next, err := s.Next(t.Context(), jobs.NextQuery{Now: noon, After: "few-m", Limit: 500, PerOrganization: each})
				require.NoError(t, err)
				require.Len(t, next, 100+each)
				require.Equal(t, "few-m", next[0].OrganizationID[:5])
				require.Less(t, next[len(next)-1].OrganizationID, "few-n")
			}
			seen := map[string]bool{}
			for after := ""; len(seen) < 101; {
				next, err := s.Next(t.Context(), jobs.NextQuery{Now: noon, After: after, Limit: 7})
				require.NoError(t, err)
				require.Len(t, next, 7)
				for _, j := range next {
					seen[j.OrganizationID] = true
				}
				after = next[6].OrganizationID
			}
		})
	}
}
