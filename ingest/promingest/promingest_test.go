package promingest_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/promingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// values are all series by their name and labels; of a histogram its count.
func values(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := strings.TrimPrefix(f.GetName(), "fhirdock_")
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func newMetrics(t *testing.T, opts *promingest.Options) (*promingest.Metrics, *prometheus.Registry) {
	t.Helper()
	m, err := promingest.New(opts)
	require.NoError(t, err)
	r := prometheus.NewPedanticRegistry() // what is collected must have been described
	require.NoError(t, r.Register(m))
	return m, r
}

const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"s3cret"}}]}`

func TestPipeline(t *testing.T) {
	m, r := newMetrics(t, &promingest.Options{CacheFor: time.Nanosecond})
	require.NoError(t, testutil.CollectAndCompare(m, strings.NewReader(""), "fhirdock_jobs"), "nothing is watched yet")
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{Observe: m.Observe}})
	m.WatchService(p.Service)
	shared, err := budget.New(&budget.Options{Observe: m.ObserveRefusal})
	require.NoError(t, err)
	m.WatchBudget(shared)
	disk, err := diskspace.Open(t.TempDir(), &diskspace.Options{Floor: 12345})
	require.NoError(t, err)
	m.WatchDisk(disk)
	place, err := shared.Admit(budget.Request{Organization: ingesttest.Organization})
	require.NoError(t, err)
	m.ObserveRequest(httpapi.Access{Method: "GET", Route: "/healthz", Status: 200, Duration: time.Second})
	m.ObserveRefusal(&budget.Refusal{Reason: budget.ReasonRate, Organization: true})

	p.Wait(t, p.Client.PostBundle(t, []byte(bundle)).JobID)
	p.Client.Ticket(t, "application/fhir+ndjson")
	stuck := &jobs.Job{ID: jobs.NewID(), OrganizationID: ingesttest.Organization, Source: jobs.Webhook, State: jobs.Processing,
		LeaseOwner: "w", Attempt: 1, MaxAttempts: 1, CreatedAt: p.Clock.Now(), DueAt: p.Clock.Now().Add(-2 * time.Minute)}
	require.NoError(t, p.Jobs.Create(t.Context(), stuck))

	got := values(t, r)
	for name, want := range map[string]float64{
		"jobs{state=accepted}": 0, "jobs{state=processing}": 1, "jobs{state=awaiting_upload}": 1, "jobs{state=failed}": 0, "waiting_jobs": 0,
		"due_jobs": 1, "overdue_jobs": 1, "oldest_due_job_seconds": 120, "oldest_waiting_job_seconds": 0, "job_store_up": 1,
		"payloads_total{result=accepted,source=webhook}": 1, "jobs_finished_total{source=webhook,state=completed}": 1,
		"resources_total{result=done}": 1, "batch_seconds": 1, "attempts_total{event=claimed}": 1, "upload_urls_total": 1,
		"http_requests_total{method=GET,route=/healthz,status=200}": 1, "http_request_seconds{route=/healthz}": 1,
		"requests_over_budget_total{reason=rate,whose=organization}": 1, "requests_in_flight": 1, "disk_floor_bytes": 12345,
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name], name)
	}
	require.Positive(t, got["disk_free_bytes"])
	require.Contains(t, got, "leases_held")
	require.NotContains(t, got, "jobs{state=completed}")
	place.Release()
	require.Zero(t, values(t, r)["requests_in_flight"])

	// No label names a tenant, or is made of a payload or an id.
	for name := range values(t, r) {
		require.NotContains(t, name, ingesttest.Organization)
		require.NotContains(t, name, "s3cret")
		require.NotRegexp(t, `[0-9a-f]{8}-`, name)
	}
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// Each kind of event moves a metric, also one that is added later.
func TestEveryEventIsCounted(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../event.go", nil, 0)
	require.NoError(t, err)
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Event") {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		m, r := newMetrics(t, nil)
		before := values(t, r)
		m.Observe(ingest.Event{Kind: ingest.EventKind(kind), Source: "webhook", State: "failed", Code: "ok", Bytes: 1, Resources: 1, Rejected: 1, Duration: time.Second})
		require.NotEqual(t, before, values(t, r), kind)
		kinds++
		return true
	})
	require.Greater(t, kinds, 15)

	m, r := newMetrics(t, nil)
	m.Observe(ingest.Event{Kind: ingest.EventErased, Code: "organization", Resources: 7})
	m.Observe(ingest.Event{Kind: ingest.EventSwept, Code: "failed", Duration: time.Second})
	got := values(t, r)
	require.EqualValues(t, 1, got["erasures_total{what=organization}"])
	require.EqualValues(t, 7, got["erased_jobs_total"])
	require.EqualValues(t, 1, got["sweeps_total{result=failed}"])
	require.NotContains(t, got, "last_sweep_timestamp_seconds", "a sweep that failed is none")
	m.Observe(ingest.Event{Kind: ingest.EventSwept, Code: "ok", Duration: time.Second})
	require.InDelta(t, float64(time.Now().Unix()), values(t, r)["last_sweep_timestamp_seconds"], 60)
}

// A scrape does not wait for a job store that hangs, and asks one that works at most
// every CacheFor.
func TestJobStoreThatHangs(t *testing.T) {
	var hangs atomic.Bool
	var asked atomic.Int64
	store := faulttest.Store(jobs.NewMemStore(), func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if c.Kind == faulttest.StoreDue {
			asked.Add(1)
		}
		if hangs.Load() && c.Kind == faulttest.StoreCount {
			return faulttest.Hang
		}
		return faulttest.None
	})
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	const cacheFor = 200 * time.Millisecond
	m, r := newMetrics(t, &promingest.Options{CacheFor: cacheFor, Timeout: 50 * time.Millisecond})
	m.WatchService(p.Service)
	before := asked.Load()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { _, _ = r.Gather() })
	}
	wg.Wait()
	require.LessOrEqual(t, asked.Load()-before, int64(2), "scrapes at the same time share an answer")
	require.EqualValues(t, 1, values(t, r)["job_store_up"])

	hangs.Store(true)
	time.Sleep(cacheFor)
	began := time.Now()
	got := values(t, r)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Zero(t, got["job_store_up"])
	require.Contains(t, got, "leases_held")
	for name := range got {
		require.NotRegexp(t, `^(jobs\{|waiting_jobs|due_jobs|overdue_jobs|oldest_)`, name)
	}
	hangs.Store(false)
	require.Eventually(t, func() bool { return values(t, r)["job_store_up"] == 1 }, 10*time.Second, 20*time.Millisecond)
}

// The package's documentation has each metric, and no other.
func TestDocumentation(t *testing.T) {
	m, _ := newMetrics(t, nil)
	descs := make(chan *prometheus.Desc, 100)
	m.Describe(descs)
	close(descs)
	exported := map[string]bool{}
	for d := range descs {
		exported[regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]] = true
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, line := range strings.Split(string(doc), "\n") {
		if !strings.HasPrefix(line, "//\t") {
			continue
		}
		for _, name := range regexp.MustCompile(`fhirdock_\w+|\b_\w+`).FindAllString(line, -1) {
			if !strings.HasPrefix(name, "fhirdock") {
				name = "fhirdock" + name
			}
			documented[name] = true
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(exported)), slices.Sorted(maps.Keys(documented)))
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, opts := range []promingest.Options{{CacheFor: -1}, {Timeout: -1}, {Stats: ingest.StatsRequest{Limit: -1}}, {Stats: ingest.StatsRequest{States: []jobs.State{"x"}}}} {
		_, err := promingest.New(&opts)
		require.Error(t, err)
	}
}
