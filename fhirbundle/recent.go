package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// recentRefs are references to UUIDs that were taken in last: resources that stand
// beside each other refer to the same patient and encounter. What is among them
// need not be taken in again. They are kept as they are written, so that neither
// an end has to be found nor a hash to be made.
type recentRefs struct {
	texts [32]quotedURN
	used  bool
}

// quotedURN is a reference and its closing quote, without escapes.
type quotedURN [len(uuidPrefix) + len("00000000-0000-0000-0000-000000000000") + len(`"`)]byte

const uuidPrefix = "urn:uuid:"

// at is the only place at which a text can be. Where many share one, none of them
// is found, and nothing is lost but time.
func (c *recentRefs) at(text []byte) *quotedURN {
	start, end := scan.Load(text, len(uuidPrefix)), scan.Load(text, len(quotedURN{})-9) // before the quote
	return &c.texts[(start^end)*spread>>59]
}

// has says whether the string whose text is at the start of data is among them.
func (c *recentRefs) has(data []byte) bool {
	const size = len(quotedURN{})
	if len(data) < size || data[0] != 'u' {
		return false
	}
	// Word by word, since a call takes as long as all of them.
	have, a := c.at(data), data[:size]
	return scan.Load(a, 32) == scan.Load(have[:], 32) && scan.Load(a, 24) == scan.Load(have[:], 24) && scan.Load(a, 16) == scan.Load(have[:], 16) &&
		scan.Load(a, 8) == scan.Load(have[:], 8) && scan.Load(a, 0) == scan.Load(have[:], 0) && scan.Load(a, 38) == scan.Load(have[:], 38)
}

// add takes in a string without escapes, given with its closing quote, if it is a
// UUID in which nothing is found.
func (c *recentRefs) add(quoted []byte) {
	if len(quoted) == len(quotedURN{}) && urnFault(quoted[:len(quoted)-1]) == 0 {
		*c.at(quoted), c.used = quotedURN(quoted), true
	}
}

// reset forgets them: they are what a payload says.
func (c *recentRefs) reset() {
	if c.used {
		*c = recentRefs{}
	}
}
