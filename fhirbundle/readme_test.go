package fhirbundle

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What people copy out of a README is valid: every Bundle there, at level strict.
func TestReadmeBundles(t *testing.T) {
	t.Parallel()
	bundles := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "README.md" {
			return err
		}
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, text := range bundlesIn(string(page)) {
			bundles++
			report, err := Validate(strings.NewReader(text), &Options{Level: LevelStrict})
			require.NoError(t, err)
			require.Empty(t, report.Issues, "%s: %s", path, text)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, bundles)
}

// bundlesIn finds the JSON objects in a text that say that they are Bundles.
func bundlesIn(text string) (found []string) {
	for at := 0; at < len(text); at++ {
		if text[at] != '{' {
			continue
		}
		var object json.RawMessage
		d := json.NewDecoder(strings.NewReader(text[at:]))
		if d.Decode(&object) != nil {
			continue
		}
		var typed struct{ ResourceType string }
		if json.Unmarshal(object, &typed) == nil && typed.ResourceType == "Bundle" {
			found = append(found, string(object))
		}
		at += len(object) - 1
	}
	return found
}
