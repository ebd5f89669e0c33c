// Command dependencies prints a table of the direct dependencies of every module in this
// repository: the version in use, the newest one and its date, and what the dependency is
// for, which is the comment beside its line in go.mod.
//
//	go run ./.ci/dependencies
//
// With -check it prints only the dependencies without such a comment, and needs no network.
// It exits with 1 if there are any, or if the versions could not be listed.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// own is the path prefix of this repository's modules.
const own = "github.com/fhirdock/fhirdock"

// dependency is one line of a go.mod.
type dependency struct {
	file          string // go.mod
	path, version string
	use           string // what it is for
}

// release is what go list prints of a module.
type release struct {
	Path, Version string
	Time          time.Time
	Update        *release
	Deprecated    string
	Error         *struct{ Err string }
}

func main() {
	log.SetFlags(0)
	check := flag.Bool("check", false, "only check that every dependency says what it is for")
	flag.Parse()
	all, err := dependencies(".")
	if err != nil {
		log.Fatal(err)
	}
	unexplained := 0
	for _, d := range all {
		if d.use == "" {
			log.Printf("%s: what is %s for?", d.file, d.path)
			unexplained++
		}
	}
	if !*check {
		releases, err := list(all)
		if err != nil {
			log.Fatal(err)
		}
		if err := table(os.Stdout, all, releases); err != nil {
			log.Fatal(err)
		}
	}
	if unexplained > 0 {
		os.Exit(1)
	}
}

// dependencies returns the direct dependencies of all modules below root.
func dependencies(root string) ([]dependency, error) {
	var all []dependency
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == ".git" && entry.IsDir() {
			return fs.SkipDir
		}
		if err != nil || entry.Name() != "go.mod" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, d := range requirements(string(content)) {
			if d.path != own && !strings.HasPrefix(d.path, own+"/") {
				d.file = filepath.ToSlash(path)
				all = append(all, d)
			}
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = errors.New("no go.mod here; run this in the root of the repository")
	}
	return all, err
}

// requirements returns the direct requirements of a go.mod as the go command formats it.
func requirements(mod string) []dependency {
	var all []dependency
	inBlock := false
	for line := range strings.Lines(mod) {
		line, required := strings.CutPrefix(strings.TrimSpace(line), "require ")
		switch {
		case required && line == "(":
			inBlock = true
			continue
		case line == ")":
			inBlock = false
		}
		line, comment, _ := strings.Cut(line, "//")
		fields := strings.Fields(line)
		comment = strings.TrimSpace(comment)
		if !required && !inBlock || len(fields) != 2 || comment == "indirect" || strings.HasPrefix(comment, "indirect;") {
			continue
		}
		all = append(all, dependency{path: fields[0], version: fields[1], use: comment})
	}
	return all
}

// list asks the go command for the releases, by path and version. It does so outside of
// any module: only there does it not look for updates of this repository's own.
func list(all []dependency) (map[string]release, error) {
	args := []string{"list", "-m", "-e", "-u", "-json"}
	for _, d := range all {
		if query := d.path + "@" + d.version; !slices.Contains(args, query) {
			args = append(args, query)
		}
	}
	var stderr bytes.Buffer
	command := exec.Command("go", args...)
	command.Dir, command.Stderr = os.TempDir(), &stderr
	command.Env = append(os.Environ(), "GO111MODULE=on", "GOWORK=off")
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	releases := map[string]release{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var r release
		switch err := decoder.Decode(&r); {
		case errors.Is(err, io.EOF):
			return releases, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		case r.Error != nil:
			return nil, fmt.Errorf("go list: %s: %s", r.Path, r.Error.Err)
		}
		releases[r.Path+"@"+r.Version] = r
	}
}

// table prints the dependencies, module by module.
func table(w io.Writer, all []dependency, releases map[string]release) error {
	out := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	file := ""
	for _, d := range all {
		if d.file != file {
			file = d.file
			fmt.Fprintf(out, "\n%s\n| module\t| version\t| newest\t| released\t| what for\t|\n|---\t|---\t|---\t|---\t|---\t|\n", file)
		}
		used := releases[d.path+"@"+d.version]
		newest := *cmp.Or(used.Update, &used)
		use := d.use
		if used.Deprecated != "" || newest.Deprecated != "" {
			use += " (deprecated)"
		}
		fmt.Fprintf(out, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", d.path, d.version, newest.Version, newest.Time.Format(time.DateOnly), use)
	}
	return out.Flush()
}
