package ingest

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/jobs"
)

// shown returns what to log of a key that fhirdock did not make: its first folders. A
// file's name may be a patient's name.
func shown(key string) string {
	folder := path.Dir(key)
	if parts := strings.SplitN(folder, "/", 4); len(parts) > 3 {
		folder = strings.Join(parts[:3], "/")
	}
	if !blobstore.ValidKey(folder) {
		return "a folder whose name is not shown"
	}
	return folder
}

// unnamed is a bucket's error whose text hides a key that fhirdock did not make: Go CDK
// and its drivers put keys, paths and URLs into the text.
type unnamed struct {
	err error
	key string
}

func hideKey(err error, key string) error { return &unnamed{err, key} }

// hideKeyOf hides the key of a job's payload, unless fhirdock made it.
func hideKeyOf(job *jobs.Job, err error) error {
	if job.Source != jobs.Adopted {
		return err
	}
	return hideKey(err, job.Payload.Key)
}

func (u *unnamed) Unwrap() error { return u.err }

// anyURL matches a URL in a text.
var anyURL = regexp.MustCompile(`[a-z]+://[^\s"]+`)

func (u *unnamed) Error() string {
	text, instead := u.err.Error(), "an object below "+shown(u.key)
	quoted := strconv.Quote(u.key)
	hide := []string{quoted, instead, quoted[1 : len(quoted)-1], instead, u.key, instead}
	if file, ok := errors.AsType[*fs.PathError](u.err); ok && file.Path != "" {
		hide = append(hide, file.Path, instead)
	}
	return anyURL.ReplaceAllString(strings.NewReplacer(hide...).Replace(text), "a URL")
}
