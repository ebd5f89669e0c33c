package fhirbundle

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// innerTree makes random resources with others inside.
type innerTree struct {
	*rand.Rand
	left int // resources that may still be made
}

func (g *innerTree) pick(texts ...string) string { return texts[g.IntN(len(texts))] }

// elements are a few elements that refer to something.
func (g *innerTree) elements(m map[string]any) {
	for _, name := range []string{"a", "b", "c"} {
		switch g.IntN(5) {
		case 0, 1:
			m[name] = map[string]any{"reference": g.pick("#a", "#b", "#c", "#", "Patient/1", "urn:x:y")}
		case 2:
			m[name] = []any{g.pick("#a", "#b", "#c", "#", "#d", "a", "x#a", "<a href='#b'>", `<a href="#c">`, "<a href='#a2'>")}
		case 3:
			m["#"+g.pick("a", "b", "c")] = "x"
		}
	}
}

func (g *innerTree) resource(depth int, contained bool) map[string]any {
	g.left--
	m := map[string]any{"resourceType": g.pick("Patient", "Basic", "Binary", "Parameters", "Patient")}
	g.elements(m)
	if contained && g.IntN(5) > 0 || g.IntN(3) == 0 {
		m["id"] = g.pick("a", "b", "c", "d")
	}
	if g.IntN(3) == 0 {
		meta := map[string]any{"tag": []any{map[string]any{"code": "x"}}}
		for _, name := range []string{"versionId", "lastUpdated", "security"} {
			if g.IntN(4) == 0 {
				meta[name] = []any{map[string]any{"code": "x"}}
			}
		}
		m["meta"] = meta
	}
	if m["resourceType"] == "Parameters" {
		m["parameter"] = g.parameters(depth)
	}
	if most := 1 + 3*depth/2; g.IntN(3) > 0 || depth == 2 && m["resourceType"] != "Binary" {
		list := []any{}
		for g.left > 0 && len(list) < most && g.IntN(4) > 0 {
			list = append(list, g.resource(depth-1, true))
		}
		if len(list) > 0 && depth > 0 {
			m["contained"] = list
		}
	}
	return m
}

func (g *innerTree) parameters(depth int) []any {
	list := []any{map[string]any{"name": "x"}}
	for g.left > 0 && g.IntN(3) > 0 {
		p := map[string]any{"name": "y"}
		g.elements(p)
		if g.IntN(2) == 0 && depth > 0 {
			p["resource"] = g.resource(depth-1, false)
		}
		if g.IntN(3) == 0 && depth > 0 {
			p["part"] = g.parameters(depth - 1)
		}
		list = append(list, p)
	}
	return list
}

// innerOracle finds the same as the reader in a root resource, by walking the tree.
func innerOracle(root map[string]any, version Version) (found []string) {
	var list []any
	switch root["resourceType"] {
	case "Binary", "Parameters":
	default:
		list, _ = root["contained"].([]any)
	}
	ids := map[string]int{}
	referred := make([]bool, len(list))
	for n, c := range list {
		c := c.(map[string]any)
		if id, ok := c["id"].(string); ok {
			if _, twice := ids[id]; twice {
				found = append(found, "contained-id-twice")
			} else {
				ids[id] = n
			}
		}
		if c["contained"] != nil {
			found = append(found, "dom-2")
		}
		meta, _ := c["meta"].(map[string]any)
		if meta["versionId"] != nil || meta["lastUpdated"] != nil {
			found = append(found, "dom-4")
		}
		if meta["security"] != nil {
			found = append(found, "dom-5")
		}
	}
	// Strings and references of the root, without those of resources in parameters.
	var walk func(v any, name string, in int)
	walk = func(v any, name string, in int) {
		switch v := v.(type) {
		case string:
			if name == "reference" && strings.HasPrefix(v, "#") {
				_, known := ids[v[1:]]
				if v != "#" && !known || v == "#" && in < 0 && version != R4 {
					found = append(found, "ref-1")
				}
			}
			for id, n := range ids {
				if v == "#"+id || strings.Contains(v, "'#"+id+"'") || strings.Contains(v, `"#`+id+`"`) {
					referred[n] = true
				}
			}
			if v == "#" && in >= 0 {
				referred[in] = true
			}
		case []any:
			for i, x := range v {
				if name == "contained" && in < 0 && len(list) > 0 {
					walk(x, "", i)
				} else {
					walk(x, name, in)
				}
			}
		case map[string]any:
			for k, x := range v {
				if inner, ok := x.(map[string]any); ok && k == "resource" {
					found = append(found, innerOracle(inner, version)...)
					continue
				}
				walk(x, k, in)
			}
		}
	}
	walk(root, "", -1)
	for _, ok := range referred {
		if !ok {
			found = append(found, "dom-3")
		}
	}
	return found
}

// TestInnerOracle: on random resources the reader finds what a simple walk of the tree
// finds.
func TestInnerOracle(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 3000
	}
	g := innerTree{Rand: rand.New(rand.NewPCG(7, 8))}
	counts := map[string]int{}
	for range n {
		g.left = 8
		root := g.resource(2, false)
		data, err := json.Marshal(root)
		require.NoError(t, err)
		version := [...]Version{R4, R4B, R5}[g.IntN(3)]
		want := innerOracle(root, version)
		rep := must(ValidateBytes(data, &Options{Format: FormatNDJSON, Version: version}))
		got := codes(rep.Issues)
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, append([]string{}, want...), append([]string{}, got...), "%s as %s", data, version)
		for _, code := range want {
			counts[code]++
		}
	}
	t.Log(counts)
	require.Len(t, counts, 6)
}
