//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	_ "github.com/fhirdock/fhirdock/examples/internal/drivers"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/ingest/backends"
)

// bucketCommand makes this program a tool that reads and writes a bucket. It needs a
// separate process because the clouds' SDKs take credentials from the environment, and
// pairings run in parallel.
const bucketCommand = "bucket"

// bucketTool prints all objects below a prefix, or writes standard input to a key:
//
//	bucket URL FOLDER get PREFIX
//	bucket URL FOLDER put KEY CONTENTTYPE
func bucketTool(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) < 4 {
		return errors.New("bucket URL FOLDER get PREFIX, or put KEY CONTENTTYPE")
	}
	back, err := backends.Open(ctx, backends.URLs{Blob: args[0]},
		&backends.Options{Data: args[1], Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, back.Close(context.WithoutCancel(ctx))) }()
	if args[2] == "put" {
		w, err := back.Store.Bucket().NewWriter(ctx, args[3], &blob.WriterOptions{ContentType: args[4], IfNotExist: true})
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, in); err != nil {
			return errors.Join(err, w.Close())
		}
		return w.Close()
	}
	it := back.Store.Bucket().List(&blob.ListOptions{Prefix: args[3]})
	for {
		object, err := it.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		body, err := back.Store.Bucket().ReadAll(ctx, object.Key)
		if err != nil {
			return fmt.Errorf("%s: %w", object.Key, err)
		}
		if _, err := out.Write(body); err != nil {
			return err
		}
	}
}
