package dirblob_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
)

func ExampleOpenBucket() {
	dir, err := os.MkdirTemp("", "dirblob")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bucket, err := dirblob.OpenBucket(filepath.Join(dir, "data"), &dirblob.Options{CreateDir: true})
	if err != nil {
		log.Fatal(err)
	}
	defer bucket.Close()

	ctx := context.Background()
	once := &blob.WriterOptions{ContentType: "application/fhir+json", IfNotExist: true}
	fmt.Println(bucket.WriteAll(ctx, "incoming/a.json", []byte("{}"), once))
	err = bucket.WriteAll(ctx, "incoming/a.json", []byte("[]"), once)
	fmt.Println(gcerrors.Code(err))
	// Output:
	// <nil>
	// FailedPrecondition
}

func Example_url() {
	dir, err := os.MkdirTemp("", "dirblob")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bucket, err := blob.OpenBucket(context.Background(), "dir://"+filepath.ToSlash(dir)+"/data?create_dir=true")
	if err != nil {
		log.Fatal(err)
	}
	defer bucket.Close()
	fmt.Println(bucket.IsAccessible(context.Background()))
	// Output: true <nil>
}
