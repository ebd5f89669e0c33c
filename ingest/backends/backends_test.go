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

func options(t *testing.T) *Options {
	t.Helper()
	return &Options{
		Data: filepath.Join(t.TempDir(), "data"), BaseURL: &url.URL{Scheme: "http", Host: "localhost:1"},
		Logger: slog.New(slog.DiscardHandler),
	}
}

func TestEmbeddedStays(t *testing.T) {
	o := options(t)
	b, err := Open(t.Context(), URLs{}, o)
	require.NoError(t, err)
	require.True(t, b.LocalQueue)
	now := time.Now()
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "o", State: jobs.Accepted, CreatedAt: now, UpdatedAt: now}
	require.NoError(t, b.Jobs.Create(t.Context(), job))
	require.NoError(t, b.Store.Bucket().WriteAll(t.Context(), "a/b.json", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))

	raw, err := os.ReadFile(filepath.Join(ObjectsFolder(o.Data), "a", "b.json"))
	require.NoError(t, err)
	require.Equal(t, "x", string(raw))
	info, err := os.Stat(o.Data)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such bits
		require.Zero(t, info.Mode().Perm()&0o077, "others can look into the data folder")
	}

	b, err = Open(t.Context(), URLs{}, o)
	require.NoError(t, err)
	got, err := b.Jobs.Get(t.Context(), job.ID)
	require.NoError(t, err)
	require.Equal(t, job.ID, got.ID)
	require.NoError(t, b.Close(t.Context()))
}

func TestURLs(t *testing.T) {
	folder := t.TempDir()
	o := options(t)
	b, err := Open(t.Context(), URLs{
		Blob: "dir://" + filepath.ToSlash(folder), Topic: "mem://" + t.Name(), Subscription: "mem://" + t.Name(),
		Jobs: "sqlite:" + filepath.Join(folder, "other.db"),
	}, o)
	require.NoError(t, err)
	require.NoError(t, b.Store.Bucket().WriteAll(t.Context(), "k.json", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))
	require.FileExists(t, filepath.Join(folder, "k.json"))
	require.FileExists(t, filepath.Join(folder, "other.db"))
	require.NoFileExists(t, filepath.Join(o.Data, "jobs.sqlite"))
}

func TestErrorsSayWhatIsAllowed(t *testing.T) {
	for name, test := range map[string]struct {
		urls   URLs
		change func(*Options)
		want   string
	}{
		"bucket":       {urls: URLs{Blob: "ftp://user:s3cret@bucket"}, want: "unknown scheme ftp:; known are azblob, dir, file, gs, mem, s3"},
		"no bucket":    {urls: URLs{Blob: "just/a/path"}, want: "the URL has no scheme"},
		"driver":       {urls: URLs{Blob: "s3://bucket"}, want: `add import _ "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"`},
		"topic":        {urls: URLs{Topic: "sqs://x", Subscription: "sqs://x"}, want: "unknown scheme sqs:; known are awssns, awssqs"},
		"broker":       {urls: URLs{Topic: "kafka://x"}, want: `add import _ "github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"`},
		"subscription": {urls: URLs{Topic: "mem://x", Subscription: "kafka://x"}, want: "open the subscription: it must be one of the topic, and begin with mem://"},
		"no topic":     {urls: URLs{Subscription: "mem://x"}, want: "a subscription needs its topic too"},
		"jobs":         {urls: URLs{Jobs: "mysql://user:s3cret@host/db"}, want: "unknown scheme mysql:"},
		"jobs' driver": {urls: URLs{Jobs: "postgres://user:s3cret@host/db"}, want: `add import _ "github.com/fhirdock/fhirdock/jobs/sqljobs/pgx"`},
		"jobs, empty":  {urls: URLs{Jobs: "sqlite:"}, want: "name of a file"},
		"parameters":   {urls: URLs{Jobs: "sqlite:a.db?mode=memory"}, want: "without parameters"},
		"secret": {change: func(o *Options) {
			require.NoError(t, os.MkdirAll(o.Data, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(o.Data, "secret"), []byte("short"), 0o600))
		}, want: "secret"},
		"folder": {change: func(o *Options) { require.NoError(t, os.WriteFile(o.Data, nil, 0o600)) }, want: "data folder"},
	} {
		o := options(t)
		if test.change != nil {
			test.change(o)
		}
		_, err := Open(t.Context(), test.urls, o)
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), "s3cret", name)
		if test.urls.Jobs != "" {
			require.Regexp(t, "^open the job store: (jobs|sqlite): ", err, "as for the other back ends")
		}
		if test.urls.Blob != "" {
			require.Regexp(t, "^open the bucket: blobstore: ", err)
		}
		if name == "folder" {
			require.Contains(t, err.Error(), o.Data)
		}
	}
}

// What is written to a folder is never elsewhere, where it could not be renamed from.
func TestFolder(t *testing.T) {
	o := options(t)
	t.Setenv("TMPDIR", "/nonexistent")
	b, err := Open(t.Context(), URLs{Blob: "file://" + filepath.ToSlash(o.Data) + "/new?create_dir=true"}, o)
	require.NoError(t, err)
	require.NoError(t, b.Store.Bucket().WriteAll(t.Context(), "a/b", []byte("x"), nil))
	require.NoError(t, b.Close(t.Context()))
	require.Equal(t, "file:///f?no_tmp_dir=&x=1", withoutTempDir("file:///f?no_tmp_dir=&x=1"), "as requested")
}

// An error about a database in a file says which: SQLite's do not.
func TestDatabaseFileIsNamed(t *testing.T) {
	o := options(t)
	embedded := filepath.Join(o.Data, "jobs.sqlite")
	other := filepath.Join(t.TempDir(), "other.db")
	require.NoError(t, os.MkdirAll(o.Data, 0o700))
	for _, file := range []string{embedded, other} {
		require.NoError(t, os.WriteFile(file, []byte("this is not a database, and longer than its header would be: "+
			strings.Repeat("x", 200)), 0o600))
	}
	for jobs, file := range map[string]string{
		"": embedded, "sqlite:" + other: other,
		"sqlite:" + filepath.Join(o.Data, "none", "x.db"): filepath.Join(o.Data, "none", "x.db"),
	} {
		_, err := Open(t.Context(), URLs{Jobs: jobs}, o)
		require.ErrorContains(t, err, "open the job store: sqlite: open "+file+": ")
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
