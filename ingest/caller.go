package ingest

import "github.com/fhirdock/fhirdock/blobstore"

// Caller is who sent a request, as authentication found. The organization is
// the tenant of everything that the caller creates and sees.
type Caller struct {
	// OrganizationID is the tenant: 1 to 64 characters of [A-Za-z0-9._-], the first
	// and the last no dot. Every method of a [Service] answers ErrForbidden to a
	// caller with any other.
	OrganizationID string
	// OrganizationName and UserID are for people to read; they may be empty.
	OrganizationName string
	UserID           string
}

// check keeps an authenticator that forgot the organization from getting
// answers, empty ones too.
func (c Caller) check() error {
	if !blobstore.ValidOrganization(c.OrganizationID) {
		return &Error{Kind: ErrForbidden, Message: "The caller has no valid organization"}
	}
	return nil
}
