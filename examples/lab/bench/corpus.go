package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fieldBundles are the R4 Bundles of the corpus that are valid and have entries,
// without which a front door takes none, in the order of its manifest.
func fieldBundles(corpus string) ([][]byte, error) {
	manifest, err := os.ReadFile(filepath.Join(corpus, "manifest.tsv"))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for row := range bytes.Lines(manifest) {
		// file, source, source_path, fhir_version, kind, expected, …
		col := strings.Split(string(row), "\t")
		if len(col) < 6 || col[3] != "R4" || !strings.HasPrefix(col[4], "Bundle/") || col[5] != "valid" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(corpus, filepath.FromSlash(col[0])))
		if err != nil {
			return nil, err
		}
		var parts struct{ Entry []json.RawMessage }
		if err := json.Unmarshal(data, &parts); err != nil {
			return nil, fmt.Errorf("%s: %w", col[0], err)
		}
		if len(parts.Entry) > 0 {
			all = append(all, data)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the corpus has no valid R4 Bundle")
	}
	return all, nil
}

// suite is JSONTestSuite: documents that every parser must refuse, and such that
// it must take.
type suite struct {
	bad   [][]byte // n_*
	good  [][]byte // y_*, save those with a name twice in one object
	twice [][]byte // y_object_duplicated_key*: RFC 8259 lets a parser refuse them
}

// readSuite is nil where there is no corpus.
func readSuite(corpus string) (*suite, error) {
	if corpus == "" {
		return nil, nil
	}
	s := &suite{}
	dir := filepath.Join(corpus, "jsontestsuite")
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := f.Name()
		if name[0] != 'n' && name[0] != 'y' {
			continue // what a parser may do as it likes
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		switch {
		case name[0] == 'n':
			s.bad = append(s.bad, data)
		case strings.HasPrefix(name, "y_object_duplicated"):
			s.twice = append(s.twice, data)
		default:
			s.good = append(s.good, data)
		}
	}
	return s, nil
}
