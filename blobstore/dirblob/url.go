package dirblob

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

const scheme = "dir"

func init() { blob.DefaultURLMux().RegisterBucket(scheme, &URLOpener{}) }

// URLOpener opens URLs like dir:///var/lib/fhirdock?create_dir=true; see the package
// documentation. A URL's parameters override Options.
type URLOpener struct {
	Options Options
}

// OpenBucketURL implements [blob.BucketURLOpener].
func (o *URLOpener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	dir, err := folderOf(u)
	if err != nil {
		return nil, fmt.Errorf("open bucket %v: %w", u.Redacted(), err)
	}
	opts := o.Options
	var baseURL, secretPath string
	query, err := url.ParseQuery(u.RawQuery) // u.Query ignores malformed parameters
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: the parameters are malformed", dir)
	}
	for name, values := range query {
		if len(values) > 1 {
			return nil, fmt.Errorf("open bucket %s: the parameter %q is given more than once", dir, name)
		}
		value := values[0]
		if value == "" {
			return nil, fmt.Errorf("open bucket %s: the parameter %q has no value; leave it out for its default", dir, name)
		}
		switch name {
		case "create_dir":
			if opts.CreateDir, err = strconv.ParseBool(value); err != nil {
				return nil, fmt.Errorf("open bucket %s: create_dir must be true or false", dir)
			}
		case "base_url":
			baseURL = value
		case "secret_key_path":
			secretPath = value
		default:
			return nil, fmt.Errorf("open bucket %s: unknown parameter %q; supported are create_dir, base_url and secret_key_path", dir, name)
		}
	}
	if (baseURL == "") != (secretPath == "") {
		return nil, fmt.Errorf("open bucket %s: base_url and secret_key_path must be set together", dir)
	}
	if baseURL != "" {
		base, err := url.Parse(baseURL)
		if err != nil {
			return nil, fmt.Errorf("open bucket %s: base_url: %w", dir, err)
		}
		secret, err := signedurl.LoadOrCreateSecret(secretPath)
		if err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", dir, err)
		}
		if opts.Signer, err = signedurl.NewSigner(base, secret, nil); err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", dir, err)
		}
	}
	return OpenBucket(dir, &opts)
}

// folderOf returns the folder of a URL.
func folderOf(u *url.URL) (string, error) {
	p := u.Path
	if u.User != nil {
		return "", fmt.Errorf("the URL of a folder has no user")
	}
	if u.Fragment != "" {
		return "", fmt.Errorf("write a # in a path as %%23")
	}
	switch u.Host {
	case "":
	case ".":
		p = "." + p
	default:
		return "", fmt.Errorf("write three slashes for an absolute path, or %s://./ for one below the working directory", scheme)
	}
	if p == "" {
		return "", fmt.Errorf("the path is missing")
	}
	if filepath.Separator == '\\' && len(p) > 2 && p[2] == ':' {
		p = strings.TrimPrefix(p, "/") // /C:/data
	}
	return filepath.FromSlash(p), nil
}
