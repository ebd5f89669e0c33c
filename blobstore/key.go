package blobstore

import (
	"fmt"
	"strings"
	"time"
)

// maxKey is the longest key in bytes; S3 takes 1,024, and what a program puts
// around a key needs room too.
const maxKey = 512

// OrganizationForm says what [ValidOrganization] takes, for messages.
const OrganizationForm = "1 to 64 characters of [A-Za-z0-9._-], the first and the last no dot"

// ValidOrganization reports whether an organization's id can be part of a key: 1 to 64
// characters of [A-Za-z0-9._-], of which the first and the last are no dot. OIDs and
// host names are such ids.
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

// ValidKey reports whether a key is one that every object store and every
// notification carries unchanged: 1 to 512 bytes of [A-Za-z0-9._/-], no empty,
// "." or ".." part, no slash at either end.
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

// plain is a byte that no store, URL or notification encodes.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// PayloadKey is {prefix}/{organization}/{yyyy}/{mm}/{dd}/{name}, the date in
// UTC. ErrKey where a part is invalid.
func PayloadKey(prefix, organization string, t time.Time, name string) (string, error) {
	key := prefix + "/" + organization + "/" + t.UTC().Format("2006/01/02") + "/" + name
	if !ValidOrganization(organization) || strings.Contains(name, "/") || !ValidKey(key) {
		return "", fmt.Errorf("%w: prefix and name need [A-Za-z0-9._-], the organization %s", ErrKey, OrganizationForm)
	}
	return key, nil
}

// OrganizationOf returns the organization of a key that PayloadKey made with this prefix,
// and nothing for other keys. It is only good for sharing resources out: what a key says
// is no proof of whose an object is.
func OrganizationOf(prefix, key string) string {
	rest, below := strings.CutPrefix(key, prefix+"/")
	organization, _, deeper := strings.Cut(rest, "/")
	if !below || !deeper {
		return ""
	}
	return organization
}
