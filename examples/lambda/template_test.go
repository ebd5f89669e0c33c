//go:build unix

package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// template is examples/deploy/template.yaml. Its short forms (!Ref, !Sub, !GetAtt) are
// maps with one member, as in CloudFormation's JSON.
type template struct {
	Parameters, Conditions, Resources, Outputs map[string]any
	Globals                                    struct{ Function map[string]any }
}

func readTemplate(t testing.TB) *template {
	t.Helper()
	raw, err := os.ReadFile("../deploy/template.yaml")
	require.NoError(t, err)
	var n yaml.Node
	require.NoError(t, yaml.Unmarshal(raw, &n))
	var tpl template
	plain := long(t, n.Content[0]).(map[string]any)
	part := func(name string) map[string]any { return plain[name].(map[string]any) }
	tpl.Parameters, tpl.Conditions, tpl.Resources, tpl.Outputs = part("Parameters"), part("Conditions"), part("Resources"), part("Outputs")
	tpl.Globals.Function = part("Globals")["Function"].(map[string]any)
	return &tpl
}

// long converts YAML to plain values, with the long forms of CloudFormation's functions.
func long(t testing.TB, n *yaml.Node) any {
	t.Helper()
	require.Empty(t, n.Anchor, "CloudFormation takes no anchors: line %d", n.Line)
	if n.Tag == "!Ref" || n.Tag == "!Sub" || n.Tag == "!GetAtt" {
		require.Equal(t, yaml.ScalarNode, n.Kind)
		return map[string]any{n.Tag: n.Value}
	}
	require.False(t, strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"), "unknown tag %s", n.Tag)
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			require.NotContains(t, m, key, "twice")
			m[key] = long(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			l = append(l, long(t, c))
		}
		return l
	}
	var v any
	require.NoError(t, n.Decode(&v))
	return v
}

// at follows names into maps. It returns nil if one is missing.
func at(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// walk calls see with each map below v.
func walk(v any, see func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		see(v)
		for _, w := range v {
			walk(w, see)
		}
	case []any:
		for _, w := range v {
			walk(w, see)
		}
	}
}

var substituted = regexp.MustCompile(`\$\{([^}]+)\}`)

// references returns the names that a value refers to.
func references(v any) []string {
	var names []string
	walk(v, func(m map[string]any) {
		if name, ok := m["!Ref"].(string); ok {
			names = append(names, name)
		}
		if name, ok := m["!GetAtt"].(string); ok {
			names = append(names, strings.Split(name, ".")[0])
		}
		if text, ok := m["!Sub"].(string); ok {
			for _, found := range substituted.FindAllStringSubmatch(text, -1) {
				names = append(names, strings.Split(found[1], ".")[0])
			}
		}
	})
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "AWS::") })
}

// ofType returns the resources of a type, by name.
func (tpl *template) ofType(kind string) map[string]map[string]any {
	found := map[string]map[string]any{}
	for name, r := range tpl.Resources {
		if at(r, "Type") == kind {
			found[name] = at(r, "Properties").(map[string]any)
		}
	}
	return found
}

// events returns the functions' events of a type.
func (tpl *template) events(kind string) map[string]map[string]any {
	found := map[string]map[string]any{}
	for name, f := range tpl.ofType("AWS::Serverless::Function") {
		for _, e := range f["Events"].(map[string]any) {
			if at(e, "Type") == kind {
				found[name] = at(e, "Properties").(map[string]any)
			}
		}
	}
	return found
}

func TestTemplateReferences(t *testing.T) {
	tpl := readTemplate(t)
	used := map[string]bool{}
	for _, name := range slices.Concat(references(tpl.Resources), references(tpl.Outputs), references(tpl.Globals.Function), references(tpl.Conditions)) {
		used[name] = true
		require.True(t, tpl.Parameters[name] != nil || tpl.Resources[name] != nil, name)
	}
	for name := range tpl.Parameters {
		require.True(t, used[name], "unused parameter "+name)
	}
	conditions := map[string][]string{}
	for name, r := range tpl.Resources {
		if condition, ok := at(r, "Condition").(string); ok {
			require.Contains(t, tpl.Conditions, condition)
			conditions[condition] = append(conditions[condition], name)
		}
	}
	// With an existing bucket, no created resource refers to the new one, except for the
	// one that SAM attaches to it.
	require.ElementsMatch(t, []string{"Bucket", "BucketTls"}, conditions["NewBucket"])
	for name, r := range tpl.Resources {
		if name != "BucketTls" && name != "Uploads" {
			require.NotContains(t, references(r), "Bucket", name)
		}
	}
	require.NotContains(t, references(tpl.Outputs), "Bucket")
	require.Equal(t, "Api.ApiEndpoint", at(tpl.Outputs["ApiEndpoint"], "Value", "!GetAtt"), "without a path, since callers add theirs")
}

// AdoptPrefix can't be a prefix of payloads, and the bucket sends notifications for it.
func TestTemplateAdopts(t *testing.T) {
	tpl := readTemplate(t)
	pattern := regexp.MustCompile("^" + at(tpl.Parameters["AdoptPrefix"], "AllowedPattern").(string) + "$")
	for prefix, fine := range map[string]bool{
		"": true, "incoming/drop": true, "incoming/a/b": true, "drop": false, "incoming": false, "incoming/": false, "incoming/drop/": false,
	} {
		require.Equal(t, fine, pattern.MatchString(prefix), prefix)
	}
	require.Equal(t, "AdoptPrefix", at(tpl.Globals.Function, "Environment", "Variables", "FHIRDOCK_ADOPT", "!Ref"))
}

// CloudFormation refuses circular dependencies. If SAM makes a bucket call a function, the
// bucket needs the function and its role.
func TestTemplateHasNoCycle(t *testing.T) {
	tpl := readTemplate(t)
	needs := map[string][]string{}
	for name, r := range tpl.Resources {
		needs[name] = references(r)
		if at(r, "Type") == "AWS::Serverless::Function" {
			needs[name] = append(needs[name], references(tpl.Globals.Function)...)
		}
	}
	for function, e := range tpl.events("S3") {
		bucket := references(e["Bucket"])[0]
		needs[bucket] = append(needs[bucket], function)
		needs[function] = slices.DeleteFunc(needs[function], func(n string) bool {
			return n == bucket && !slices.Contains(references(at(tpl.Resources[function], "Properties", "Policies")), n) &&
				!slices.Contains(references(tpl.Globals.Function), n)
		})
	}
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		require.NotContains(t, path, name, "a cycle")
		for _, next := range needs[name] {
			visit(next, append(slices.Clone(path), name))
		}
	}
	for name := range needs {
		visit(name, nil)
	}
}

// The template's functions are the program's, and the program accepts their settings.
func TestTemplateFitsTheProgram(t *testing.T) {
	tpl := readTemplate(t)
	var handlers []string
	for _, f := range tpl.ofType("AWS::Serverless::Function") {
		handlers = append(handlers, f["Handler"].(string))
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(functions)), handlers)

	variables := at(tpl.Globals.Function, "Environment", "Variables").(map[string]any)
	read := map[string]bool{}
	s, err := parseSettings(func(name string) string {
		read[name] = true
		switch v := variables[name].(type) {
		case string:
			return v
		case map[string]any:
			if parameter, ok := v["!Ref"].(string); ok {
				return at(tpl.Parameters[parameter], "Default").(string)
			}
			return substituted.ReplaceAllStringFunc(v["!Sub"].(string), func(name string) string {
				if name == "${WakeUps.QueueName}" {
					return strings.ReplaceAll(at(tpl.Resources["WakeUps"], "Properties", "QueueName", "!Sub").(string), "${AWS::StackName}", "stack")
				}
				return "x"
			})
		}
		return ""
	})
	require.NoError(t, err)
	for name := range variables {
		require.True(t, read[name], name+" is not a setting")
	}
	require.Equal(t, "s3://x?region=x", s.URLs.Blob)
	require.Equal(t, "awssqs://sqs.x.x/x/stack-wake-ups.fifo?region=x", s.URLs.Topic)
	require.Equal(t, "dynamodb://x?region=x", s.URLs.Jobs)

	p := ingesttest.New(t)
	for _, e := range tpl.events("S3") {
		require.Equal(t, "s3:ObjectCreated:*", e["Events"])
		rules := at(e, "Filter", "S3Key", "Rules").([]any)
		require.Len(t, rules, 1)
		require.Equal(t, "prefix", at(rules[0], "Name"))
		require.Equal(t, "incoming/", at(rules[0], "Value"))
		for _, contentType := range []string{"application/fhir+ndjson", "application/json"} {
			require.True(t, strings.HasPrefix(p.Client.Ticket(t, contentType).Key, at(rules[0], "Value").(string)))
		}
	}
	require.Len(t, tpl.events("S3"), 1)
	require.Len(t, tpl.events("Schedule"), 1)
	require.Len(t, tpl.events("SQS"), 1)
	for _, e := range tpl.events("HttpApi") {
		require.True(t, strings.HasPrefix(e["Path"].(string), apigateway.FrontDoor+"/"))
	}
	api := tpl.ofType("AWS::Serverless::HttpApi")["Api"]
	require.NotNil(t, at(api, "Auth", "Authorizers", at(api, "Auth", "DefaultAuthorizer").(string)), "there is a default authorizer")
}

func TestTemplateQueues(t *testing.T) {
	tpl := readTemplate(t)
	queues := tpl.ofType("AWS::SQS::Queue")
	for name, q := range queues {
		require.Equal(t, true, q["FifoQueue"], name)
		require.True(t, strings.HasSuffix(at(q, "QueueName", "!Sub").(string), ".fifo"), name)
		require.NotEqual(t, true, q["ContentBasedDeduplication"], name)
		if target := at(q, "RedrivePolicy", "deadLetterTargetArn", "!GetAtt"); target != nil {
			require.Contains(t, queues, strings.TrimSuffix(target.(string), ".Arn"), "the dead-letter queue of a FIFO queue is FIFO")
		}
	}
	for function, e := range tpl.events("SQS") {
		queue := queues[strings.TrimSuffix(at(e, "Queue", "!GetAtt").(string), ".Arn")]
		require.NotNil(t, queue["RedrivePolicy"])
		timeout := at(tpl.Resources[function], "Properties", "Timeout").(int)
		require.GreaterOrEqual(t, queue["VisibilityTimeout"], 6*timeout,
			"https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html")
		require.Equal(t, []any{"ReportBatchItemFailures"}, e["FunctionResponseTypes"])
	}
	for name, f := range tpl.ofType("AWS::Serverless::Function") {
		require.LessOrEqual(t, f["Timeout"], 900, name)
	}
	for name := range tpl.events("HttpApi") {
		require.Less(t, at(tpl.Resources[name], "Properties", "Timeout"), 30, "API Gateway's limit")
	}
}

// Requests are limited, and logged with their caller.
func TestTemplateThrottlesAndLogs(t *testing.T) {
	tpl := readTemplate(t)
	for name, api := range tpl.ofType("AWS::Serverless::HttpApi") {
		for _, limit := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
			parameter, ok := at(api, "DefaultRouteSettings", limit, "!Ref").(string)
			require.True(t, ok, "%s: %s", name, limit)
			require.Positive(t, at(tpl.Parameters[parameter], "Default"))
		}
		group, ok := at(api, "AccessLogSettings", "DestinationArn", "!GetAtt").(string)
		require.True(t, ok)
		logs := tpl.ofType("AWS::Logs::LogGroup")[strings.TrimSuffix(group, ".Arn")]
		require.NotNil(t, logs["RetentionInDays"], "the log has personal data")
		format := at(api, "AccessLogSettings", "Format").(string)
		require.NotContains(t, format, "\n", "each entry is one line")
		var entry map[string]string
		require.NoError(t, json.Unmarshal([]byte(format), &entry))
		require.Contains(t, entry, "requestId")
		for name, value := range entry {
			require.Regexp(t, `^\$context\.[A-Za-z.]+$`, value, name)
			require.NotContains(t, value, "claims", "no claims are logged")
			require.NotContains(t, value, "integration.response")
		}
	}
}

func TestTemplateProtectsData(t *testing.T) {
	tpl := readTemplate(t)
	statements := 0
	walk(tpl.Resources, func(m map[string]any) {
		if m["Effect"] == nil {
			return
		}
		statements++
		require.NotContains(t, m, "NotAction")
		require.NotContains(t, m, "NotResource")
		for _, r := range m["Resource"].([]any) {
			arn, ok := at(r, "!Sub").(string)
			if !ok {
				require.IsType(t, "", at(r, "!GetAtt"), "a resource of the template")
				continue
			}
			named := len(references(r)) > 0
			require.True(t, named && !strings.Contains(strings.TrimSuffix(arn, "/*"), "*"), arn)
		}
		if m["Effect"] == "Allow" {
			for _, action := range m["Action"].([]any) {
				require.NotContains(t, action, "*")
			}
		}
	})
	require.Greater(t, statements, 5)
	bucket := tpl.ofType("AWS::S3::Bucket")["Bucket"]
	for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		require.Equal(t, true, at(bucket, "PublicAccessBlockConfiguration", block))
	}
	require.Equal(t, "Enabled", at(bucket, "VersioningConfiguration", "Status"))
	for _, kept := range []string{"Bucket", "Jobs"} {
		require.Equal(t, "Retain", at(tpl.Resources[kept], "DeletionPolicy"), "health records are kept when the stack is deleted")
	}
}
