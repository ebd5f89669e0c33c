// Package monitoring has a dashboard and alert rules, and tests that their metrics exist.
package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fhirdock/fhirdock/ingest/promingest"
)

// exported returns the labels of each metric that promingest exports.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	m, err := promingest.New(nil)
	require.NoError(t, err)
	descs := make(chan *prometheus.Desc, 100)
	m.Describe(descs)
	close(descs)
	all := map[string][]string{}
	for d := range descs {
		parts := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([\w,]*)\}`).FindStringSubmatch(d.String())
		require.Len(t, parts, 3, d.String())
		all[parts[1]] = append(strings.Split(parts[2], ","), "job", "instance") // Prometheus adds the last two
	}
	return all
}

var (
	selector = regexp.MustCompile(`(fhirdock_\w+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`)
	grouping = regexp.MustCompile(`\bby \(([\w, ]+)\)`)
)

// check fails if an expression has a metric that is not exported, or a label that none of
// its metrics has.
func check(t *testing.T, where, expr string, metrics map[string][]string) {
	t.Helper()
	found := selector.FindAllStringSubmatch(expr, -1)
	require.NotEmpty(t, found, "%s has no metric: %s", where, expr)
	known := map[string]bool{}
	for _, f := range found {
		name := f[1]
		if base, ok := strings.CutSuffix(name, "_bucket"); ok {
			name, known["le"] = base, true
			require.True(t, strings.HasSuffix(name, "_seconds"), "%s: %s is no histogram", where, name)
		}
		labels, ok := metrics[name]
		require.True(t, ok, "%s: %s is not exported", where, name)
		for _, l := range labels {
			known[l] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(f[2], -1) {
			require.Contains(t, labels, m[1], "%s: %s has no label %s", where, name, m[1])
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for _, label := range strings.Split(g[1], ", ") {
			require.True(t, known[label], "%s: no metric has the label %s: %s", where, label, expr)
		}
	}
}

func TestAlertsNameMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	metrics, names := exported(t), map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			check(t, r.Alert, r.Expr, metrics)
			if r.For != "" {
				_, err := time.ParseDuration(r.For)
				require.NoError(t, err, r.Alert)
			}
			require.False(t, names[r.Alert], "%s is defined twice", r.Alert)
			names[r.Alert] = true
			require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], r.Alert)
		}
	}
	require.NotEmpty(t, names)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`Fhirdock\w+`).FindAllString(string(readme), -1) {
		require.True(t, names[name], "README.md names the alert %s", name)
	}
	for _, name := range regexp.MustCompile(`fhirdock_\w+`).FindAllString(string(readme), -1) {
		require.Contains(t, metrics, name, "README.md")
	}
}

func TestDashboardNamesMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var board struct {
		Templating struct {
			List []struct{ Name string }
		}
		Panels []struct {
			ID          int
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	metrics, ids := exported(t), map[int]bool{}
	variables := map[string]bool{"__rate_interval": true}
	for _, v := range board.Templating.List {
		variables[v.Name] = true
	}
	shown := 0
	for _, p := range board.Panels {
		require.False(t, ids[p.ID], "panel %d is defined twice", p.ID)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		require.Equal(t, p.Type == "row", len(p.Targets) == 0, p.Title)
		for _, target := range p.Targets {
			check(t, p.Title, target.Expr, metrics)
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				require.True(t, variables[v[1]], "%s: the dashboard has no variable %s", p.Title, v[1])
			}
			shown++
		}
	}
	require.Greater(t, shown, 20)
}
