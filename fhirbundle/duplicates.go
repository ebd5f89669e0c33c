package fhirbundle

import (
	"hash/maphash"
	"math/bits"
)

// lineIDs has the type, id and version of the resources in an NDJSON file, up to a limit
// of memory. It stores the texts, because equal hashes don't prove that two are equal.
type lineIDs struct {
	slots   []uint64 // a power of two of them: 0, or the start of a hash and a position
	shift   int      // of a hash, to its first slot
	used    int
	chunks  [][]byte // texts, each after its length
	key     []byte   // of the current line, after its length
	seed    maphash.Seed
	seeded  bool
	refused bool // a text did not fit
}

const (
	placeBits  = 36 // the position in a slot: the chunk, and the offset in it, from 1
	offsetBits = 18
	firstChunk = 4 << 10
	lastChunk  = 1 << offsetBits       // each is 8 times as large as the previous one, up to this
	mostSlots  = 1 << (64 - placeBits) // limited by the bits of the hash in a slot
)

// reset forgets everything and keeps some memory.
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

// add adds a resource, and reports whether it was there before.
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

// find returns the slot of a text, or the empty slot for it.
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

// keep stores the key and returns its position.
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

// grow enlarges the table, if the budget has room for the old and the new one. It needs
// no texts, because a slot holds enough of its hash.
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

// compareLine compares the resource of a line with those of earlier lines.
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
