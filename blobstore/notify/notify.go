// Package notify decodes the notifications that object stores send when an
// object was created, into one type.
//
// What a notification says is a hint to look, never a fact to act on: anyone
// who can reach the queue can claim anything. Whoever receives one looks the
// object up.
package notify

import "time"

// ObjectCreated says that an object may have been created.
type ObjectCreated struct {
	// Bucket and Key as the store names them, decoded. Bucket is empty where the
	// notification comes from the one bucket that there is.
	Bucket string
	Key    string
	// Size in bytes, -1 where the notification does not say.
	Size int64
	// ETag without quotes, and Version, where the notification has them.
	ETag    string
	Version string
	// Time of the event; zero where it is not known.
	Time time.Time
}
