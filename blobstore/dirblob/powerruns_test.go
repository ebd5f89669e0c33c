package dirblob

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// envInt returns a number from the environment, for longer runs of tests.
func envInt(t testing.TB, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// After a power loss at any time, acknowledged writes are complete, nothing else is visible
// except writes in progress, and the next start works.
//
// By default the test tries every third step of a trace with one model and one subset of
// the unsynced changes, in turn. A longer run tries more traces, and each step with all
// models and several subsets. It is about ten times as fast with a TMPDIR in memory:
//
//	FHIRDOCK_POWER_TRACES=16 FHIRDOCK_POWER_SUBSETS=3 go test -run TestPowerLoss -v ./blobstore/dirblob
func TestPowerLoss(t *testing.T) {
	traces, subsets := envInt(t, "FHIRDOCK_POWER_TRACES", 1), envInt(t, "FHIRDOCK_POWER_SUBSETS", 0)
	seed := uint64(envInt(t, "FHIRDOCK_POWER_SEED", 1))
	dir := t.TempDir()
	cuts, trees := 0, 0
	for which, sc := range scenarios {
		for n := range traces {
			a := record(t, sc, seed+uint64(n), nil)
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			for cut := range len(a.trace.steps) + 1 {
				models := []diskModel{journalModel, namesModel, posixModel}
				if subsets == 0 {
					if cut%3 != which%3 {
						continue
					}
					models = models[cut/3%3:][:1]
				}
				cuts++
				for _, model := range models {
					for i := range max(subsets, 1) {
						l := luck((cut/9 + cut + i) % 3)
						trees++
						err := powerLoss(filepath.Join(dir, strconv.Itoa(trees)), a, model, l, cut, rng)
						require.NoError(t, err, "%s, seed %d, cut after step %d of %d, %s, %d",
							sc.name, seed+uint64(n), cut, len(a.trace.steps), model, l)
					}
				}
			}
		}
	}
	t.Logf("%d cut points, %d power losses", cuts, trees)
	require.Greater(t, cuts, 100)
}

// Leaving out any sync must break a promise at some step of some scenario.
func TestPowerLossWithoutASync(t *testing.T) {
	base := func(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
	temp := func(s step) bool { return strings.HasPrefix(base(s.name), tempPrefix) }
	folder := func(before func(step) bool) func(sync, last step) bool {
		return func(sync, last step) bool { return sync.kind == stepFolderSynced && before(last) }
	}
	const bucketDir = "data/bucket"
	for _, c := range []struct {
		name     string
		scenario string
		model    diskModel // in which it breaks a promise
		skip     func(sync, last step) bool
	}{
		{"of the content", "create-only writes", namesModel, func(sync, _ step) bool { return sync.kind == stepFileSynced && temp(sync) }},
		{"of the content, with a journal", "overwrites", journalModel, func(sync, _ step) bool { return sync.kind == stepFileSynced && temp(sync) }},
		{"of the attributes", "create-only writes", namesModel, func(sync, _ step) bool { return sync.kind == stepFileSynced && !temp(sync) }},
		{"of the folder after a link", "create-only writes", namesModel, folder(func(last step) bool { return last.kind == stepRemove && temp(last) })},
		{"of the folder after a link, uploads", "signed uploads", journalModel, folder(func(last step) bool { return last.kind == stepRemove && temp(last) })},
		{"of the folder after a rename", "overwrites", journalModel, folder(func(last step) bool { return last.kind == stepRename })},
		{"of plain content", "plain writes", namesModel, func(sync, _ step) bool { return sync.kind == stepFileSynced && temp(sync) }},
		{"of the folder after a plain write", "plain writes", namesModel, folder(func(last step) bool { return last.kind == stepRemove && !temp(last) })},
		{"of the folder after a copy", "copies", namesModel, folder(func(last step) bool { return last.kind == stepRename })},
		{"of the folder after a delete", "folders created and removed", namesModel, folder(func(last step) bool { return last.kind == stepRemove && !hidden(base(last.name)) })},
		{"of a new folder's parent", "create-only writes", posixModel, func(sync, _ step) bool {
			return sync.kind == stepFolderSynced && (sync.name == bucketDir || sync.name == bucketDir+"/in")
		}},
		{"of the bucket's parents", "create-only writes", posixModel, folder(func(last step) bool { return last.kind == stepMkdir && strings.HasPrefix(bucketDir, last.name) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := scenarios[slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == c.scenario })]
			from := -1
			a := record(t, sc, 1, func(sync, last step) bool {
				skipped := c.skip(sync, last)
				if skipped && from < 0 {
					from = sync.began
				}
				return skipped
			})
			require.GreaterOrEqual(t, from, 0, "such a sync was left out")
			err := anyLoss(t, a, c.model, from)
			require.Error(t, err, "the missing sync was not detected")
			t.Log(err)
		})
	}
}

// anyLoss returns the first broken promise of a trace that is cut at or after a step.
func anyLoss(t *testing.T, a *actions, model diskModel, from int) error {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	for cut := max(from, 1); cut <= len(a.trace.steps); cut++ {
		for l := nothing; l <= byChance; l++ {
			if err := powerLoss(filepath.Join(dir, "tree"), a, model, l, cut, rng); err != nil {
				return fmt.Errorf("cut after step %d: %w", cut, err)
			}
		}
	}
	return nil
}

// A folder that was removed and recreated while its parent was being synced is synced
// again.
func TestPowerLossAfterFolderIsRecreated(t *testing.T) {
	sc := scenario{"a recreated folder", func(s *session) { s.create("f/x", 10) }}
	a := recordWith(t, sc, 1, nil, func(b *bucket, r *trace) {
		folder := filepath.Join(b.dir, "f")
		r.during = func(sync step) {
			if sync.kind == stepFolderSynced && sync.name == "data/bucket" {
				r.during = nil
				b.removeEmpty(folder) // a Delete that found it empty
				_ = r.Mkdir(folder)   // another write, which is about to sync it
			}
		}
	})
	require.NoError(t, anyLoss(t, a, posixModel, 0))
}

// A reader relies on the attributes it has seen, even if it reads them after the object got
// its name and before the folder was synced.
func TestPowerLossAfterAttributes(t *testing.T) {
	for _, write := range []func(*session){
		func(s *session) { s.create("f/x", 10) },
		func(s *session) { s.write("f/x", 10) },
	} {
		looked := false
		var s *session
		sc := scenario{"a concurrent reader", func(running *session) { s = running; write(running) }}
		a := recordWith(t, sc, 1, nil, func(b *bucket, r *trace) {
			r.during = func(sync step) {
				if sync.kind != stepFolderSynced || sync.name != "data/bucket/f" {
					return
				}
				r.during = nil
				other, err := openOn(r, b.dir, &Options{Logger: b.log})
				require.NoError(t, err)
				defer other.Close()
				began := r.now()
				_, err = other.Attributes(t.Context(), "f/x")
				require.NoError(t, err)
				s.list = append(s.list, &action{key: "f/x", begin: began, end: r.now(), done: true, object: s.list[0].object})
				looked = true
			}
		})
		require.True(t, looked)
		require.NoError(t, anyLoss(t, a, journalModel, 0))
		require.NoError(t, anyLoss(t, a, namesModel, 0))
	}
}
