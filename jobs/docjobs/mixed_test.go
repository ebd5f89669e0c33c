package docjobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
)

// Documents of earlier versions have neither Ready nor Later. Next finds them after the
// sweeper has moved their due time.
func TestDocumentsOfEarlierVersions(t *testing.T) {
	for name, d := range ways {
		t.Run(name, func(t *testing.T) {
			coll := memory(t, d)
			s := store(t, coll, d, nil)
			waiting, backing, clearing := newJob("a", 1), newJob("b", 2), newJob("c", 3)
			backing.NotBefore = noon.Add(time.Minute)
			clearing.StartedAt = clearing.CreatedAt
			require.NoError(t, clearing.Cancel(noon))
			clearing.DueAt = noon
			for _, job := range []*jobs.Job{waiting, backing, clearing} {
				require.NoError(t, s.Create(t.Context(), job))
				key := map[string]any{"ID": job.ID}
				if d == docjobs.MemoryOfItems {
					key["Sort"] = "job"
				}
				require.NoError(t, coll.Update(t.Context(), key, docstore.Mods{"Ready": nil, "Later": nil}))
			}
			if d == docjobs.MemoryOfItems {
				dropItems(t, coll)
			}
			q := jobs.NextQuery{Now: noon.Add(time.Hour), Limit: 9}
			found, err := s.Next(t.Context(), q)
			require.NoError(t, err)
			require.Empty(t, found)

			due, err := s.Due(t.Context(), q.Now, 9)
			require.NoError(t, err)
			require.Len(t, due, 3)
			for _, job := range due {
				require.NoError(t, job.Postpone(q.Now, q.Now.Add(jobs.Overdue)))
				require.NoError(t, s.Update(t.Context(), job))
			}
			found, err = s.Next(t.Context(), q)
			require.NoError(t, err)
			require.Len(t, found, 3)
			q.Now = noon.Add(30 * time.Second)
			found, err = s.Next(t.Context(), q)
			require.NoError(t, err)
			require.Len(t, found, 2)
			due, err = s.Due(t.Context(), noon.Add(time.Hour), 9)
			require.NoError(t, err)
			require.Empty(t, due)
		})
	}
}

// dropItems deletes the items of the lines Ready and Later.
func dropItems(t *testing.T, coll *docstore.Collection) {
	t.Helper()
	iter := coll.Query().Get(t.Context())
	defer iter.Stop()
	for {
		doc := map[string]any{}
		if iter.Next(t.Context(), doc) != nil {
			return
		}
		if id, _ := doc["ID"].(string); len(id) > 5 && (id[:5] == "Ready" || id[:5] == "Later") {
			require.NoError(t, coll.Delete(t.Context(), map[string]any{"ID": id, "Sort": doc["Sort"]}))
		}
	}
}
