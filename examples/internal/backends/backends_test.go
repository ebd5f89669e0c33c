package backends

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

func config(t *testing.T) Config {
	t.Helper()
	return Config{
		Data: filepath.Join(t.TempDir(), "data"), Base: &url.URL{Scheme: "http", Host: "localhost:1"},
		Logger: slog.New(slog.DiscardHandler),
	}
}

func TestEmbeddedStays(t *testing.T) {
	c := config(t)
	b, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.True(t, b.LocalQueue)
	now := time.Now()
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "o", State: jobs.Accepted, CreatedAt: now, UpdatedAt: now}
	require.NoError(t, b.Jobs.Create(t.Context(), job))
	require.NoError(t, b.Bucket.WriteAll(t.Context(), "a/b.json", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))

	raw, err := os.ReadFile(filepath.Join(ObjectsFolder(c.Data), "a", "b.json"))
	require.NoError(t, err)
	require.Equal(t, "x", string(raw))
	info, err := os.Stat(c.Data)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such bits
		require.Zero(t, info.Mode().Perm()&0o077, "others can look into the data folder")
	}

	b, err = Open(t.Context(), c)
	require.NoError(t, err)
	got, err := b.Jobs.Get(t.Context(), job.ID)
	require.NoError(t, err)
	require.Equal(t, job.ID, got.ID)
	require.NoError(t, b.Close(t.Context()))
}

func TestURLs(t *testing.T) {
	folder := t.TempDir()
	c := config(t)
	c.Blob = "dir://" + filepath.ToSlash(folder)
	c.Topic, c.Subscription = "mem://"+t.Name(), "mem://"+t.Name()
	c.Jobs = "sqlite:" + filepath.Join(folder, "other.db")
	b, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, b.Bucket.WriteAll(t.Context(), "k.json", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))
	require.FileExists(t, filepath.Join(folder, "k.json"))
	require.FileExists(t, filepath.Join(folder, "other.db"))
	require.NoFileExists(t, filepath.Join(c.Data, "jobs.sqlite"))
}

func TestErrorsSayWhatThereIs(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"bucket":       {func(c *Config) { c.Blob = "ftp://user:s3cret@bucket" }, "dir://, file://, mem://, s3://, gs:// or azblob://"},
		"no bucket":    {func(c *Config) { c.Blob = "just/a/path" }, "dir://, file://, mem://, s3://, gs:// or azblob://"},
		"topic":        {func(c *Config) { c.Topic, c.Subscription = "sqs://x", "sqs://x" }, "awssns://, awssqs://, azuresb://, gcppubsub://, kafka://, mem://, nats://, postgres://, rabbit://:"},
		"subscription": {func(c *Config) { c.Topic, c.Subscription = "mem://x", "kafka://x" }, "open the subscription: it must be one of the topic, and begin with mem://"},
		"of SNS": {func(c *Config) {
			c.Topic, c.Subscription = "awssns:///arn:aws:sns:x:1:t", "awssns:///arn:aws:sns:x:1:t"
		}, "begin with awssqs://"},
		"jobs":        {func(c *Config) { c.Jobs = "mysql://user:s3cret@host/db" }, "sqlite:FILE or mem:, or begin with postgres://, dynamodb://"},
		"jobs, empty": {func(c *Config) { c.Jobs = "sqlite:" }, "name of a file"},
		"parameters":  {func(c *Config) { c.Jobs = "sqlite:a.db?mode=memory" }, "no parameters"},
		"secret": {func(c *Config) {
			require.NoError(t, os.MkdirAll(c.Data, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(c.Data, "secret"), []byte("short"), 0o600))
		}, "secret"},
		"folder": {func(c *Config) {
			require.NoError(t, os.WriteFile(c.Data, nil, 0o600))
		}, "data folder"},
	} {
		c := config(t)
		test.change(&c)
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), "s3cret", name)
		if name == "folder" {
			require.Contains(t, err.Error(), c.Data)
		}
	}
}

// What is written to a folder is never elsewhere, where it could not be renamed from.
func TestFolder(t *testing.T) {
	c := config(t)
	c.Blob = "file://" + filepath.ToSlash(t.TempDir()) + "/new?create_dir=true"
	t.Setenv("TMPDIR", "/nonexistent")
	b, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, b.Bucket.WriteAll(t.Context(), "a/b", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))
	require.Equal(t, "file:///f?no_tmp_dir=&x=1", beside("file:///f?no_tmp_dir=&x=1"), "as it was asked for")
}

func TestDatabase(t *testing.T) {
	for given, want := range map[string][3]string{
		"":                        {"sqlite", "file:data/jobs.sqlite?", filepath.Join("data", "jobs.sqlite")},
		"sqlite:jobs.db":          {"sqlite", "file:jobs.db?", "jobs.db"},
		"sqlite:/var/jobs.db":     {"sqlite", "file:/var/jobs.db?", "/var/jobs.db"},
		"sqlite:///var/jobs.db":   {"sqlite", "file:/var/jobs.db?", "/var/jobs.db"},
		"postgres://host/db":      {"pgx", "postgres://host/db", ""},
		"postgresql://host/db?a=": {"pgx", "postgresql://host/db?a=", ""},
	} {
		driver, dsn, file, err := database(Config{Data: "data", Jobs: given})
		require.NoError(t, err, given)
		require.Equal(t, want[0], driver)
		require.True(t, strings.HasPrefix(dsn, want[1]), dsn)
		require.Equal(t, want[2], file)
	}
}

// What is wrong with a URL is said without its password.
func TestDatabaseURLIsNotQuoted(t *testing.T) {
	for _, given := range []string{
		"postgres://user:s3cret@host:port/db", "postgres://host/db?password=s3cret&sslmode=s3cret", "postgres://user:s3cret%zz@host/db",
	} {
		_, _, err := openDatabase(Config{Data: "data", Jobs: given})
		require.Error(t, err, given)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// An error about a database in a file says which: SQLite's do not.
func TestDatabaseFileIsNamed(t *testing.T) {
	c := config(t)
	embedded := filepath.Join(c.Data, "jobs.sqlite")
	other := filepath.Join(t.TempDir(), "other.db")
	require.NoError(t, os.MkdirAll(c.Data, 0o700))
	for _, file := range []string{embedded, other} {
		require.NoError(t, os.WriteFile(file, []byte("this is not a database, and longer than its header would be: "+
			strings.Repeat("x", 200)), 0o600))
	}
	for jobs, file := range map[string]string{
		"": embedded, "sqlite:" + other: other,
		"sqlite:" + filepath.Join(c.Data, "none", "x.db"): filepath.Join(c.Data, "none", "x.db"),
	} {
		c.Jobs = jobs
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, "open the job store "+file+": ")
	}
	raw, err := os.ReadFile(other)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(raw), "this is not a database"), "it is left alone")
}

// A failed Open closes what it opened before.
func TestOpenClosesOnError(t *testing.T) {
	b := &Backends{}
	var closed []int
	for i := range 3 {
		b.closeLater(func(context.Context) error { closed = append(closed, i); return nil })
	}
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, b.Close(t.Context()))
	require.Equal(t, []int{2, 1, 0}, closed)
}
