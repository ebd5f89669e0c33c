package blobstore

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// maxKey is the maximum length of a key in bytes. S3 allows 1,024, and programs that add
// to a key need room too.
const maxKey = 512

// OrganizationForm describes the ids that [ValidOrganization] accepts, for messages.
const OrganizationForm = "1 to 64 characters of [A-Za-z0-9._-], the first and the last no dot"

// ValidOrganization reports whether an organization's id can be part of a key: 1 to 64
// characters of [A-Za-z0-9._-], neither the first nor the last a dot. OIDs and host names
// qualify.
func ValidOrganization(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '.' || id[len(id)-1] == '.' {
		return false
	}
	for i := range len(id) {
		if !plain(id[i]) {
			return false
		}
	}
	return true
}

// ValidKey reports whether every object store and every notification carries a key
// unchanged: 1 to 512 bytes of [A-Za-z0-9._/-], no empty, "." or ".." part, no slash at
// either end.
func ValidKey(key string) bool {
	if key == "" || len(key) > maxKey {
		return false
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
		for i := range len(part) {
			if !plain(part[i]) {
				return false
			}
		}
	}
	return true
}

// plain reports whether no store, URL or notification encodes a byte.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// PayloadKey returns {prefix}/{organization}/{yyyy}/{mm}/{dd}/{name}, with the date in
// UTC, or ErrKey if a part is invalid.
func PayloadKey(prefix, organization string, t time.Time, name string) (string, error) {
	key := prefix + "/" + organization + "/" + t.UTC().Format("2006/01/02") + "/" + name
	if !ValidOrganization(organization) || strings.Contains(name, "/") || !ValidKey(key) {
		return "", fmt.Errorf("%w: prefix and name need [A-Za-z0-9._-], the organization %s", ErrKey, OrganizationForm)
	}
	return key, nil
}

// OrganizationOf returns the organization in a key that PayloadKey made with this prefix,
// and "" for other keys. Use it only to share resources fairly: a key does not prove who
// owns an object.
func OrganizationOf(prefix, key string) string {
	rest, below := strings.CutPrefix(key, prefix+"/")
	organization, _, deeper := strings.Cut(rest, "/")
	if !below || !deeper {
		return ""
	}
	return organization
}

// ofJob matches the end of the key of a job's payload: a date, the job's id, for a repeatable
// request a random suffix, and an extension.
var ofJob = regexp.MustCompile(`/\d{4}/\d{2}/\d{2}/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-[0-9a-f]{8})?\.(?:json|ndjson)$`)

// JobOf returns the job id in the key of a payload, or in a path that ends with such a key,
// and "" for other keys. Use it only for log lines: anyone can send a path of this form.
func JobOf(key string) string {
	found := ofJob.FindStringSubmatch(key)
	if found == nil {
		return ""
	}
	return found[1]
}
