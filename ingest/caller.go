package ingest

import "github.com/fhirdock/fhirdock/blobstore"

// Caller is the authenticated sender of a request. Its organization is the tenant of
// everything that the caller creates and sees.
type Caller struct {
	// OrganizationID is the tenant: 1 to 64 characters of [A-Za-z0-9._-], not starting
	// or ending with a dot. Every method of a [Service] returns ErrForbidden for any
	// other.
	OrganizationID string
	// OrganizationName and UserID are for display; they may be empty.
	OrganizationName string
	UserID           string
}

// check refuses every request if the authenticator forgot the organization.
func (c Caller) check() error {
	if !blobstore.ValidOrganization(c.OrganizationID) {
		return &Error{Kind: ErrForbidden, Message: "The caller has no valid organization"}
	}
	return nil
}
