package jobs

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// NewID returns an id with 122 random bits: a UUID of version 4 in lower case.
func NewID() string { return uuid.NewString() }

// DerivedID derives an id from parts, with 122 bits of their SHA-256: a UUID of
// version 8 (RFC 9562, section 5.8). Different lists of parts give different ids, even
// if they are equal when joined.
func DerivedID(parts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// ValidID reports whether s has the form of an id: a UUID in lower case with
// hyphens.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
