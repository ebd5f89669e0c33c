package fhirbundle

import (
	"hash/maphash"
	"math/bits"
)

// lineIDs holds the type, id and version of each resource in an NDJSON file, as long as
// there is room. Hashes only say where to look: two resources are the same if their
// texts are, which is why the texts are kept.
type lineIDs struct {
	slots   []uint64 // a power of two of them; 0, or the start of a hash and a place
	shift   int      // of a hash, to the slot at which it is looked for first
	used    int
	chunks  [][]byte // texts, each after its length
	key     []byte   // of the line that is being read, after its length
	seed    maphash.Seed
	seeded  bool
	refused bool // a text found no room
}

const (
	placeBits  = 36 // of a slot: the chunk, and where in it, from 1
	offsetBits = 18
	firstChunk = 4 << 10
	lastChunk  = 1 << offsetBits       // each is 8 times as large as the one before, up to here
	mostSlots  = 1 << (64 - placeBits) // the hash in a slot can tell no more apart
)

// reset forgets everything but some memory.
func (d *lineIDs) reset(b *budget) {
	switch {
	case len(d.slots)*8 > maxKept:
		d.slots = nil
	case d.used > 0:
		clear(d.slots)
	}
	if d.used > 0 {
		clear(d.chunks[0][:cap(d.chunks[0])])
		d.chunks = [][]byte{d.chunks[0][:0]}
		clear(d.key)
	}
	if len(d.chunks) > 0 {
		b.taken += firstChunk
	}
	b.taken += len(d.slots) * 8
	d.used, d.refused = 0, false
}

// add adds a resource and reports whether it was there before.
func (d *lineIDs) add(b *budget, typ, id, version []byte) (was bool) {
	d.key = append(append(append(append(d.key[:0], 0), typ...), '/'), id...)
	if len(version) > 0 {
		d.key = append(append(d.key, '/'), version...)
	}
	d.key[0] = byte(len(d.key) - 1)
	if !d.seeded {
		d.seed, d.seeded = maphash.MakeSeed(), true
	}
	if len(d.slots) == 0 && !d.grow(b) {
		d.refused = true
		return false
	}
	h := maphash.Bytes(d.seed, d.key)
	s := d.find(h, d.key)
	if *s != 0 {
		return true
	}
	if 4*(d.used+1) > 3*len(d.slots) {
		if !d.grow(b) {
			d.refused = true
			return false
		}
		s = d.find(h, d.key)
	}
	place, ok := d.keep(b)
	if !ok {
		d.refused = true
		return false
	}
	*s = h>>placeBits<<placeBits | place
	d.used++
	return false
}

// find returns the slot of a text, or the empty one that is to be its slot.
func (d *lineIDs) find(h uint64, key []byte) *uint64 {
	mask := len(d.slots) - 1
	for i := int(h >> d.shift); ; i = (i + 1) & mask {
		s := &d.slots[i]
		if *s == 0 || (*s^h)>>placeBits == 0 && string(d.at(*s)) == string(key) {
			return s
		}
	}
}

// at returns the text of a slot, after its length.
func (d *lineIDs) at(slot uint64) []byte {
	place := slot&(1<<placeBits-1) - 1
	text := d.chunks[place>>offsetBits][place&(1<<offsetBits-1):]
	return text[:1+int(text[0])]
}

// keep stores the key, and returns its place.
func (d *lineIDs) keep(b *budget) (place uint64, ok bool) {
	last := len(d.chunks) - 1
	if last < 0 || cap(d.chunks[last])-len(d.chunks[last]) < len(d.key) {
		size := firstChunk
		if last >= 0 {
			size = min(8*cap(d.chunks[last]), lastChunk)
		}
		if last+1 == 1<<(placeBits-offsetBits) || !b.take(size, 1) {
			return 0, false
		}
		d.chunks = append(d.chunks, make([]byte, 0, size))
		last++
	}
	c := &d.chunks[last]
	place = uint64(last)<<offsetBits | uint64(len(*c))
	*c = append(*c, d.key...)
	return place + 1, true
}

// grow makes the table longer, if there is room for the old and the new one at once. It
// needs no texts, since a slot holds what says where it goes.
func (d *lineIDs) grow(b *budget) bool {
	old := d.slots
	size := 2 * len(old)
	if size < fewSlots {
		size = max(firstSlots, 2*size)
	}
	if size > mostSlots || !b.take(size, 8) {
		return false
	}
	d.slots, d.shift = make([]uint64, size), 64-bits.TrailingZeros(uint(size))
	for _, s := range old {
		if s == 0 {
			continue
		}
		i := int(s >> d.shift)
		for d.slots[i] != 0 {
			i = (i + 1) & (size - 1)
		}
		d.slots[i] = s
	}
	b.taken -= len(old) * 8
	return true
}

// compareLine compares the resource of a line with those of the lines before it.
func (r *Reader) compareLine(data []byte) {
	d, e := &r.lineIDs, &r.entry
	if r.resumed || r.collected.severity.of[lineTwice] == SeverityNone || r.typeText == nil || !isID(e.ID) {
		return
	}
	version := r.versionID(data)
	if len(version) > 0 && !isID(version) {
		return
	}
	if d.add(&r.budget, r.typeText, e.ID, version) {
		r.entryIssue(lineTwice, max(r.scan.Marks.Value(data, placeID), 0), "resource.id", "")
	}
	if d.refused && !r.notCompared {
		r.notCompared = true
		r.entryIssue(notChecked, 0, "", "and the lines after it were not compared with earlier lines: there was no room")
	}
}
