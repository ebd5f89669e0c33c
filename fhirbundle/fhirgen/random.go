package fhirgen

import "math/bits"

// streamConstant is the second half of the PCG seed; it is arbitrary, and part
// of what the golden digests hold.
const streamConstant = 0x66686972646f636b

// n returns a number in [0, k). The reduction is this package's own, so that
// the bytes do not depend on how math/rand/v2 derives its bounded numbers. Its
// bias, below 2^-32 for the small k used here, does not matter.
func (g *Generator) n(k uint32) int {
	hi, _ := bits.Mul64(g.pcg.Uint64(), uint64(k))
	return int(hi)
}

// between returns a number in [lo, hi].
func (g *Generator) between(lo, hi int) int { return lo + g.n(uint32(hi-lo+1)) }

// percent is true in p of 100 cases.
func (g *Generator) percent(p int) bool { return g.n(100) < p }

func pick[T any](g *Generator, from []T) *T { return &from[g.n(uint32(len(from)))] }

// uuid is the text form of a random (version 4) UUID.
type uuid [36]byte

const hexDigits = "0123456789abcdef"

func (g *Generator) uuid() uuid {
	hi, lo := g.pcg.Uint64(), g.pcg.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc0<<56) | 0x80<<56
	var u uuid
	put := func(at, digits int, v uint64) {
		for i := at + digits - 1; i >= at; i-- {
			u[i] = hexDigits[v&15]
			v >>= 4
		}
	}
	put(0, 8, hi>>32)
	u[8] = '-'
	put(9, 4, hi>>16)
	u[13] = '-'
	put(14, 4, hi)
	u[18] = '-'
	put(19, 4, lo>>48)
	u[23] = '-'
	put(24, 12, lo)
	return u
}
