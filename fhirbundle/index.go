package fhirbundle

import (
	"hash/maphash"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// index is a set of texts that entries are compared by: fullUrls, and the resources that
// a transaction changes. It stores 128-bit hashes with random seeds instead of the
// texts, so that each takes the same memory, and nobody can construct a collision. Its
// memory is limited.
type index struct {
	slots   []indexSlot // their number is a power of two
	used    int
	budget  *budget
	limit   int // bytes that this index may take
	seeds   [2]maphash.Seed
	refused bool // a text did not fit

	unresolved []unresolved
	lost       int64 // references that did not fit among them
}

// budget is the memory that all indexes of a reader share.
type budget struct {
	max, taken int // bytes
}

// take takes memory for n things of a size, if there is enough. It can't overflow.
func (b *budget) take(n, size int) bool {
	if n > (b.max-b.taken)/size {
		return false
	}
	b.taken += n * size
	return true
}

// indexSlot is a hash whose lowest bits are flags. It is zero if the slot is empty.
type indexSlot struct{ high, low uint64 }

const (
	isThere     = 1 << iota // the slot is taken
	isFullURL               // an entry without a versionId has it
	isDefined               // an entry has it
	isReferred              // another entry refers to it
	indexStates = isThere | isFullURL | isDefined | isReferred
)

// unresolved is a reference that no earlier entry has resolved.
type unresolved struct {
	target              indexSlot
	entry, line, offset int64
}

const (
	slotBytes       = 16
	unresolvedBytes = 40
	firstSlots      = 64
	fewSlots        = 4096
)

// reset empties the index and keeps some memory. It may take limit bytes of the budget
// b.
func (x *index) reset(b *budget, limit int) {
	if len(x.slots)*slotBytes > maxKept {
		x.slots = make([]indexSlot, firstSlots)
	} else if x.used > 0 {
		clear(x.slots)
	}
	if cap(x.unresolved)*unresolvedBytes > maxKept {
		x.unresolved = nil
	}
	x.used, x.budget, x.limit, x.refused = 0, b, limit, false
	x.unresolved, x.lost = x.unresolved[:0], 0
	b.taken += x.bytes()
}

// bytes returns the memory of the index.
func (x *index) bytes() int { return len(x.slots)*slotBytes + cap(x.unresolved)*unresolvedBytes }

// take takes memory for n more things of a size, if there is enough.
func (x *index) take(n, size int) bool {
	return n <= (x.limit-x.bytes())/size && x.budget.take(n, size)
}

// key returns the key of a text.
func (x *index) key(text []byte) indexSlot {
	if x.slots == nil {
		x.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
		x.slots = make([]indexSlot, firstSlots)
		x.budget.taken += firstSlots * slotBytes
	}
	return indexSlot{maphash.Bytes(x.seeds[0], text), maphash.Bytes(x.seeds[1], text)&^indexStates | isThere}
}

// versionKey returns the key of a versionId. A short one is its own key: it is only used
// together with the key of a fullUrl, which can't be predicted.
func (x *index) versionKey(version []byte) indexSlot {
	if len(version) <= 8 {
		return indexSlot{scan.Load(version, 0), uint64(len(version)) << 8}
	}
	return x.key(version)
}

// with returns the key of a pair.
func (k indexSlot) with(other indexSlot) indexSlot {
	k.high = scan.Chain(k.high, other.high)
	k.low = scan.Chain(k.low, other.low)&^indexStates | isThere
	return k
}

// find returns the slot of a key, or an empty one.
func (x *index) find(k indexSlot) *indexSlot {
	mask := uint64(len(x.slots) - 1)
	for i := k.high & mask; ; i = (i + 1) & mask {
		if s := &x.slots[i]; s.low == 0 || s.high == k.high && s.low&^indexStates == k.low&^indexStates {
			return s
		}
	}
}

// enter returns the slot of a key, adding it if needed, or nil if it does not fit.
func (x *index) enter(k indexSlot) *indexSlot {
	s := x.find(k)
	if s.low != 0 {
		return s
	}
	if 4*(x.used+1) > 3*len(x.slots) {
		if !x.grow() {
			x.refused = true
			return nil
		}
		s = x.find(k)
	}
	x.used++
	*s = indexSlot{k.high, k.low&^indexStates | isThere}
	return s
}

// grow enlarges the table, if the budget has room for the old and the new one.
func (x *index) grow() bool {
	old := x.slots
	size := 2 * len(old)
	if size < fewSlots {
		size *= 4
	}
	if !x.take(size, slotBytes) {
		return false
	}
	x.slots = make([]indexSlot, size)
	for _, s := range old {
		if s.low != 0 {
			*x.find(s) = s
		}
	}
	x.budget.taken -= len(old) * slotBytes
	return true
}

// define adds the fullUrl and versionId of an entry, and reports whether an earlier
// entry had both.
func (x *index) define(fullURL, version []byte) (same bool) {
	k := x.key(fullURL)
	if s := x.enter(k); s != nil {
		if len(version) == 0 {
			same = s.low&isFullURL != 0
			s.low |= isFullURL
		}
		s.low |= isDefined
	}
	if len(version) > 0 {
		same = x.claim(k.with(x.versionKey(version)))
	}
	return same
}

// claim adds a key, and reports whether it was there before.
func (x *index) claim(k indexSlot) (was bool) {
	n := x.used
	return x.enter(k) != nil && x.used == n
}

// changes adds a resource that a transaction changes, and reports whether an earlier
// entry changes it too.
func (x *index) changes(identity []byte) (too bool) {
	return x.claim(x.key(identity).with(notFullURL))
}

// notFullURL keeps identities and fullUrls apart.
var notFullURL = indexSlot{1, 1 << 8}

// refer adds a reference to a fullUrl. keep reports whether it is the first to that
// fullUrl, and no earlier entry has it: then the caller must keep it.
func (x *index) refer(text []byte) (k indexSlot, keep bool) {
	k = x.key(text)
	n := x.used
	s := x.enter(k)
	return k, s != nil && x.used > n
}

// keep stores a reference until all fullUrls are known.
func (x *index) keep(u unresolved) {
	if len(x.unresolved) == cap(x.unresolved) {
		more := max(16, 2*cap(x.unresolved))
		if !x.take(more, unresolvedBytes) {
			x.lost++
			return
		}
		x.budget.taken -= cap(x.unresolved) * unresolvedBytes
		x.unresolved = append(make([]unresolved, 0, more), x.unresolved...)
	}
	x.unresolved = append(x.unresolved, u)
}

// spread is a multiplier for hashes.
const spread = 0x9E3779B97F4A7C15
