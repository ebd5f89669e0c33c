package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// result is what the rounds gave.
type result struct {
	all   []*contestant
	sets  []*dataset
	cells map[cellKey]*cell
}

type cellKey struct{ contestant, set string }

// cell is one contestant on one data set.
type cell struct {
	rates   []float64 // bytes a second, one a round
	times   int       // that the data is read in a round
	refused int       // payloads or documents that it did not take
}

func (c *cell) rate() float64 { return median(c.rates) }

// race lets all contestants read all data by turns. Each round begins with
// another contestant, so that none always follows the same one.
func race(ctx context.Context, c config, all []*contestant, sets []*dataset, p *progress) (*result, error) {
	res := &result{all: all, sets: sets, cells: map[cellKey]*cell{}}
	for _, d := range sets {
		for i, who := range all {
			p.say("warming up: %s, %d of %d", d.name, i+1, len(all))
			if who.absent != "" {
				continue
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			got, err := warmUp(who, d, c.least)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", who.name, err)
			}
			res.cells[cellKey{who.name, d.name}] = got
		}
	}
	for round := range c.rounds {
		p.say("round %d of %d", round+1, c.rounds)
		for _, d := range sets {
			for i := range all {
				who := all[(i+round)%len(all)]
				at := res.cells[cellKey{who.name, d.name}]
				if at == nil {
					continue
				}
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				took, refused, err := who.run(d, at.times)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", who.name, err)
				}
				at.refused = refused
				at.rates = append(at.rates, float64(d.size())*float64(at.times)/took.Seconds())
			}
		}
	}
	return res, nil
}

// warmUp finds out how often the data must be read for a measurement to take
// as long as it should.
func warmUp(who *contestant, d *dataset, least time.Duration) (*cell, error) {
	times := 1
	for {
		took, refused, err := who.run(d, times)
		if err != nil {
			return nil, err
		}
		if took >= least/4 || times >= 1<<20 {
			more := float64(least) / float64(max(took, 1))
			return &cell{times: max(1, int(float64(times)*more+0.5)), refused: refused}, nil
		}
		times *= 4
	}
}

// ratio is how many times as fast the first is on a data set as the second. It
// is false where one of them has not read all of it.
func (r *result) ratio(who, other, set string) (float64, bool) {
	a, b := r.cells[cellKey{who, set}], r.cells[cellKey{other, set}]
	if a == nil || b == nil || a.refused > 0 || b.refused > 0 || len(a.rates) == 0 || b.rate() == 0 {
		return 0, false
	}
	return a.rate() / b.rate(), true
}

// worst is the lowest ratio on several data sets, and the set's name.
func (r *result) worst(who, other string, sets ...string) (ratio float64, at string, ok bool) {
	for _, set := range sets {
		x, known := r.ratio(who, other, set)
		if !known {
			return 0, set, false
		}
		if !ok || x < ratio {
			ratio, at, ok = x, set, true
		}
	}
	return ratio, at, ok
}

// spread is how far the baseline's rounds are from its median, in parts of it:
// half of them are nearer. It is that of the data set on which it is largest.
func (r *result) spread() (most float64) {
	for _, d := range r.sets {
		at := r.cells[cellKey{baseline, d.name}]
		m := at.rate()
		var off []float64
		for _, x := range at.rates {
			off = append(off, math.Abs(x-m)/m)
		}
		most = max(most, median(off))
	}
	return most
}

// median of values, 0 of none; between two it is their mean.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	m := len(s) / 2
	if len(s)%2 == 0 {
		return (s[m-1] + s[m]) / 2
	}
	return s[m]
}
