package fhirgen

import "math/rand/v2"

// Options of a Generator. The zero value is ready to use.
type Options struct {
	// Seed selects the data; 0 is a seed like any other.
	Seed uint64

	// Indent writes Bundles with line feeds and two spaces a level, as most
	// servers do when asked for pretty JSON; that makes them about 1.5 times
	// as large. NDJSON and single resources are always compact. Default: false.
	Indent bool

	// PatientResources is the mean number of resources of one patient in
	// NDJSON; each patient has between half and one and a half times as many.
	// It bounds the memory of WriteNDJSON and Reader, at about 2 KB each.
	// Default: 120; at least 4.
	PatientResources int

	// BaseURL is the RESTful root of the fullUrls of batch Bundles, without a
	// slash at its end. It is written as it is. Default:
	// "https://fhir.example.org/r4".
	BaseURL string
}

// Generator makes FHIR data. What a call gives depends on the calls before it:
// for reproducible data make the same calls in the same order on a new
// Generator. A Generator is not safe for concurrent use; make one for each
// goroutine.
type Generator struct {
	opts Options
	pcg  rand.PCG
	w    world
	urn  bool // references are urn:uuid, not relative
	tmp  []byte
}

// New returns a Generator; nil options are the defaults.
func New(opts *Options) *Generator {
	g := &Generator{}
	if opts != nil {
		g.opts = *opts
	}
	switch {
	case g.opts.PatientResources <= 0:
		g.opts.PatientResources = 120
	case g.opts.PatientResources < 4:
		g.opts.PatientResources = 4
	}
	if g.opts.BaseURL == "" {
		g.opts.BaseURL = "https://fhir.example.org/r4"
	}
	g.pcg.Seed(g.opts.Seed, streamConstant)
	return g
}

// Types returns the names of the resource types that AppendResource knows.
func Types() []string {
	names := make([]string, 0, kindCount)
	for k := kind(0); k < kindCount; k++ {
		names = append(names, k.String())
	}
	return names
}

// AppendResource appends one resource of the type, compact and without a line
// feed, and returns the extended slice. Each call belongs to another patient;
// its references are relative and resolve to nothing. A type that is not among
// Types appends nothing.
func (g *Generator) AppendResource(dst []byte, typ string) []byte {
	k, ok := kindOf(typ)
	if !ok {
		return dst
	}
	g.urn = false
	g.w.begin(g, 1<<30)
	g.w.stand(g)
	return g.write(dst, k, g.newID(k))
}
