package ingest

// Caller is who sent a request, as authentication found. The organization is
// the tenant of everything that the caller creates and sees.
type Caller struct {
	// OrganizationID is the tenant: ^[A-Za-z0-9_-]{1,64}$.
	OrganizationID string
	// OrganizationName and UserID are for people to read; they may be empty.
	OrganizationName string
	UserID           string
}
