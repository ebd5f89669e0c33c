package docservers_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/examples/internal/docservers/firestorefake"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/jobstest/linearize"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func newJob(org string) *jobs.Job {
	return &jobs.Job{ID: jobs.NewID(), OrganizationID: org, State: jobs.Accepted, MaxAttempts: 3, DueAt: noon, CreatedAt: noon, UpdatedAt: noon}
}

// A write whose response was lost is repeated by the driver, and does not conflict with
// itself.
func TestLostAnswers(t *testing.T) {
	on(t, func(t *testing.T, server *docservers.Server, open jobstest.Open) {
		if server.LoseAnswers == nil {
			t.Skipf("SKIPPED: %s can't lose responses", server.Name)
		}
		s := open(t)
		for lost := range 4 {
			job := newJob("a")
			server.LoseAnswers(lost)
			require.NoError(t, s.Create(t.Context(), job), "%d answers lost", lost)
			server.LoseAnswers(0)
			require.ErrorIs(t, s.Create(t.Context(), job.Clone()), jobs.ErrExists)
			stale := job.Clone()
			for range 2 {
				job.Attempt++
				server.LoseAnswers(min(lost, 1))
				require.NoError(t, s.Update(t.Context(), job), "%d answers lost", lost)
			}
			server.LoseAnswers(0)
			there, err := s.Get(t.Context(), job.ID)
			require.NoError(t, err)
			require.Equal(t, job, there)
			require.EqualValues(t, 3, there.Revision)
			require.ErrorIs(t, s.Update(t.Context(), stale), jobs.ErrConflict)
		}
	})
}

// The guarantees about one job, and about whose turn it is, hold although inconsistent
// reads are stale.
func TestStaleReads(t *testing.T) {
	on(t, func(t *testing.T, server *docservers.Server, open jobstest.Open) {
		if server.Lag == nil {
			t.Skipf("SKIPPED: all reads of %s are consistent", server.Name)
		}
		server.Lag(true)
		for _, c := range jobstest.Clauses() {
			if strings.HasPrefix(c.Name, "next ") || slices.Contains([]string{
				"ids are unique", "an unknown job is not found", "an update compares the revision",
				"a failed update changes nothing", "exactly one of racing updates wins", "exactly one of racing creations wins", "no change is lost",
			}, c.Name) {
				t.Run(c.Name, func(t *testing.T) { c.Check(t, open(t)) })
			}
		}
		t.Run("linearizable", func(t *testing.T) {
			linearize.Run(t, open, &linearize.Options{Histories: 10, Latency: 10 * time.Millisecond})
		})
		t.Run("a job that is outdated in an index", func(t *testing.T) {
			s := open(t)
			job := newJob("a")
			require.NoError(t, s.Create(t.Context(), job))
			found, err := s.Due(t.Context(), noon, 10)
			require.NoError(t, err)
			require.Len(t, found, 1)
			page, err := s.List(t.Context(), jobs.Query{OrganizationID: "a", State: jobs.Accepted})
			require.NoError(t, err)
			require.Len(t, page.Jobs, 1)
			job.State, job.DueAt = jobs.Completed, time.Time{}
			require.NoError(t, s.Update(t.Context(), job))
			found, err = s.Due(t.Context(), noon, 10)
			require.NoError(t, err)
			require.Empty(t, found, "it is no longer due")
			page, err = s.List(t.Context(), jobs.Query{OrganizationID: "a", State: jobs.Accepted})
			require.NoError(t, err)
			require.Empty(t, page.Jobs, "it has another state")
		})
	})
}

// Jobs that did not fit into a batch's response are not treated as missing.
func TestHalfABatch(t *testing.T) {
	server := docservers.Lend(t, docservers.DynamoDB)
	server.Halve(true)
	url, err := server.Fresh(t.Context())
	require.NoError(t, err)
	s, err := jobs.Open(t.Context(), url, nil)
	require.NoError(t, err)
	defer s.Close()
	for n := range 5 {
		job := newJob("a")
		job.CreatedAt = noon.Add(time.Duration(n) * time.Second)
		require.NoError(t, s.Create(t.Context(), job))
	}
	due, err := s.Due(t.Context(), noon, 10)
	require.NoError(t, err)
	require.Len(t, due, 5)
	page, err := s.List(t.Context(), jobs.Query{OrganizationID: "a"})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 5)
	next, err := s.Next(t.Context(), jobs.NextQuery{Now: noon, Limit: 9, PerOrganization: 9})
	require.NoError(t, err)
	require.Len(t, next, 5)
}

// The database accepts the largest record that the store allows, with the longest
// organization.
func TestLargestRecord(t *testing.T) {
	largest := map[string]int{"DynamoDB": 392 << 10, "Firestore": 1008 << 10, "MongoDB": 16<<20 - 64<<10}
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			server := docservers.Lend(t, start)
			url, err := server.Fresh(t.Context())
			require.NoError(t, err)
			s, err := jobs.Open(t.Context(), url, nil)
			require.NoError(t, err)
			defer s.Close()
			sized := func(size int) *jobs.Job {
				job := newJob(strings.Repeat("o", 900))
				job.Revision, job.UserID = 1, "u"
				raw, err := json.Marshal(jobs.Normalize(job))
				require.NoError(t, err)
				job.UserID = strings.Repeat("u", 1+size-len(raw))
				return job
			}
			job := sized(largest[name])
			require.NoError(t, s.Create(t.Context(), job))
			require.NoError(t, s.Update(t.Context(), job))
			there, err := s.Get(t.Context(), job.ID)
			require.NoError(t, err)
			require.Equal(t, len(job.UserID), len(there.UserID))
			job = sized(largest[name] + 1)
			require.ErrorIs(t, s.Create(t.Context(), job), docjobs.ErrTooLarge)
			_, err = s.Get(t.Context(), job.ID)
			require.ErrorIs(t, err, jobs.ErrNotFound)
		})
	}
}

// One process sees another one's writes.
func TestTwoProcesses(t *testing.T) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			server := docservers.Lend(t, start)
			url, err := server.Fresh(t.Context())
			require.NoError(t, err)
			one, err := jobs.Open(t.Context(), url, nil)
			require.NoError(t, err)
			defer one.Close()
			two, err := jobs.Open(t.Context(), url, nil)
			require.NoError(t, err)
			defer two.Close()

			job := newJob("a")
			require.NoError(t, one.Create(t.Context(), job))
			require.ErrorIs(t, two.Create(t.Context(), job.Clone()), jobs.ErrExists)
			same, err := two.Get(t.Context(), job.ID)
			require.NoError(t, err)
			require.Equal(t, job, same)
			next, err := two.Next(t.Context(), jobs.NextQuery{Now: noon})
			require.NoError(t, err)
			require.Equal(t, []*jobs.Job{job}, next)
			same.State = jobs.Completed
			require.NoError(t, two.Update(t.Context(), same))
			require.ErrorIs(t, one.Update(t.Context(), job), jobs.ErrConflict)
			next, err = one.Next(t.Context(), jobs.NextQuery{Now: noon})
			require.NoError(t, err)
			require.Empty(t, next)
		})
	}
}

func TestURLs(t *testing.T) {
	t.Setenv(mongojobs.ServerVariable, "")
	t.Setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
	open := func(url string) error { _, err := jobs.Open(t.Context(), url, nil); return err }
	for _, c := range []struct{ url, want string }{
		{"dynamodb://t?partition_key=x", `unknown parameter "partition_key"; supported are anonymous, dualstack, endpoint`},
		{"dynamodb://t?region=a&region=b", "more than once"},
		{"dynamodb://t?region=%zz", "malformed"},
		{"dynamodb://t/x?region=a", "must be dynamodb://TABLE"},
		{"dynamodb://u:secret@t", "must be dynamodb://TABLE"},
		{"dynamodb:", "must be dynamodb://TABLE"},
		{"firestore://projects/p/databases/(default)/documents/c?name_field=x", `unknown parameter "name_field"; there are none`},
		{"firestore://projects/p/databases/(default)/documents", "must be firestore://projects/PROJECT"},
		{"firestore://projects/p/databases/(default)/documents/c/d", "must be firestore://projects/PROJECT"},
		{"mongo://db/jobs?id_field=x", `unknown parameter "id_field"; there are none`},
		{"mongo://db", "must be mongo://DATABASE/COLLECTION"},
		{"mongo://u:secret@db/jobs", "must be mongo://DATABASE/COLLECTION"},
		{"mongo://db/jobs", mongojobs.ServerVariable + " must be"},
	} {
		err := open(c.url)
		require.ErrorContains(t, err, c.want, c.url)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, server := range []string{"mongodb://user:secret@h/?w=x&journal=7", "http://secret"} {
		t.Setenv(mongojobs.ServerVariable, server)
		err := open("mongo://db/jobs")
		require.ErrorContains(t, err, "is not a connection string")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestDynamoDBTable(t *testing.T) {
	server := docservers.Lend(t, docservers.DynamoDB)
	url, err := server.Fresh(t.Context())
	require.NoError(t, err)
	client := docservers.DynamoDBClient(server.Env[docservers.AddressVariable])
	_, err = jobs.Open(t.Context(), strings.Replace(url, "jobs-1", "none", 1), nil)
	require.ErrorIs(t, err, dynamojobs.ErrTable)
	require.ErrorContains(t, err, "there is no table none")

	described, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("jobs-1")})
	require.NoError(t, err)
	all := described.Table
	made := 0
	with := func(change func(in *dynamodb.CreateTableInput)) error {
		in := tableLike(t, all.AttributeDefinitions, made)
		made++
		change(in)
		_, err := client.CreateTable(t.Context(), in)
		require.NoError(t, err)
		active := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
		require.NoError(t, active.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: in.TableName}, time.Minute))
		s, err := dynamojobs.Open(t.Context(), client, *in.TableName, nil)
		if err == nil {
			require.NoError(t, s.Close())
		}
		return err
	}
	require.NoError(t, with(func(*dynamodb.CreateTableInput) {}))
	err = with(func(in *dynamodb.CreateTableInput) {
		in.GlobalSecondaryIndexes = in.GlobalSecondaryIndexes[:2]
		in.AttributeDefinitions = slices.DeleteFunc(in.AttributeDefinitions, attribute("DueShard", "Due"))
	})
	require.ErrorIs(t, err, dynamojobs.ErrTable)
	require.ErrorContains(t, err, "it needs a global index by DueShard (partition) and Due (sort)")
	require.NotContains(t, err.Error(), "Org")
	err = with(func(in *dynamodb.CreateTableInput) {
		in.KeySchema = in.KeySchema[:1]
		in.AttributeDefinitions = slices.DeleteFunc(in.AttributeDefinitions, attribute("Sort"))
	})
	require.ErrorContains(t, err, "its keys must be ID (partition) and Sort (sort)")
	err = with(func(in *dynamodb.CreateTableInput) {
		i := slices.IndexFunc(in.AttributeDefinitions, attribute("Due"))
		in.AttributeDefinitions[i].AttributeType = "N"
	})
	require.ErrorContains(t, err, "Due must be a string")
}

func TestFirestoreIndexes(t *testing.T) {
	for name, c := range map[string]struct{ cut, want string }{
		"organization": {`"fieldPath": "Org"`, "Org and Place"},
		"state":        {`"fieldPath": "OrgState"`, "OrgState and Place"},
		"due":          {`"fieldPath": "DueShard"`, "DueShard and Due"},
		"line":         {`"fieldPath": "Line"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			declared := bytes.ReplaceAll(docservers.FirestoreIndexes(), []byte(c.cut), []byte(`"fieldPath": "Other"`))
			s, err := firestorefake.Start(declared)
			require.NoError(t, err)
			defer s.Close()
			t.Setenv("FIRESTORE_EMULATOR_HOST", s.Address())
			store, err := jobs.Open(t.Context(), "firestore://projects/p/databases/(default)/documents/jobs", nil)
			if c.want == "" { // a single field is indexed by default
				require.NoError(t, err)
				require.NoError(t, store.Close())
				return
			}
			require.ErrorContains(t, err, "query by "+c.want+", which needs an index")
		})
	}
}

func TestMongoDBIndexes(t *testing.T) {
	server := docservers.Lend(t, docservers.MongoDB)
	url, err := server.Fresh(t.Context())
	require.NoError(t, err)
	skip := &jobs.OpenOptions{SkipMigrations: true}
	_, err = jobs.Open(t.Context(), url, skip)
	require.ErrorIs(t, err, mongojobs.ErrIndex)
	require.ErrorContains(t, err, "of jobs, by Org and Place")
	for _, opts := range []*jobs.OpenOptions{nil, skip, nil} {
		s, err := jobs.Open(t.Context(), url, opts)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}

// The pages show the definitions that the tests use.
func TestPages(t *testing.T) {
	const drivers = "../../../jobs/docjobs/drivers/"
	for page, file := range map[string]string{
		"dynamojobs/README.md": "dynamojobs/table.json", "firestorejobs/README.md": "firestorejobs/firestore.indexes.json",
	} {
		text, err := os.ReadFile(drivers + page)
		require.NoError(t, err)
		definition, err := os.ReadFile(drivers + file)
		require.NoError(t, err)
		require.Contains(t, string(text), "```json\n"+string(definition)+"```\n", page)
	}
}
