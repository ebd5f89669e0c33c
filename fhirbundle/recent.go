package fhirbundle

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
	start, end := load(text, len(uuidPrefix)), load(text, len(quotedURN{})-9) // before the quote
	return &c.texts[(start^end)*mixer>>59]
}

// has says whether the string whose text is at the start of data is among them.
func (c *recentRefs) has(data []byte) bool {
	const size = len(quotedURN{})
	if len(data) < size || data[0] != 'u' {
		return false
	}
	// Word by word, since a call takes as long as all of them.
	have, a := c.at(data), data[:size]
	return load(a, 32) == load(have[:], 32) && load(a, 24) == load(have[:], 24) && load(a, 16) == load(have[:], 16) &&
		load(a, 8) == load(have[:], 8) && load(a, 0) == load(have[:], 0) && load(a, 38) == load(have[:], 38)
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
