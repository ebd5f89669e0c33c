package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// result holds the results of all contestants.
type result struct {
	all   []*contestant
	rates map[string]*rates
	out   map[string]string // why a contestant was skipped
}

// rates are the rounds' jobs a second: creating, claiming and completing, and both one
// after the other.
type rates struct{ create, work, cycle []float64 }

// race runs all contestants in turn, in rounds, each in a different order.
func race(ctx context.Context, c config, all []*contestant, p *progress) (res *result, err error) {
	res = &result{all: all, rates: map[string]*rates{}, out: map[string]string{}}
	runners := map[string]runner{}
	defer func() {
		for _, r := range runners {
			err = firstError(err, r.close())
		}
	}()
	for _, who := range all {
		p.say("preparing: %s", who.name)
		r, err := who.open(ctx, c)
		if why, ok := errors.AsType[absent](err); ok {
			res.out[who.name] = string(why)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", who.name, err)
		}
		runners[who.name], res.rates[who.name] = r, &rates{}
	}
	for round := range c.rounds + 1 { // the first is not counted, since caches are cold
		for i := range all {
			who := all[(i+round)%len(all)]
			r := runners[who.name]
			if r == nil {
				continue
			}
			p.say("round %d of %d: %s", round, c.rounds, who.name)
			n := who.jobs(c)
			if round == 0 {
				n = max(1, n/10)
			}
			created, worked, err := turn(ctx, r, n, c.workers)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", who.name, err)
			}
			if round > 0 {
				res.rates[who.name].add(n, created, worked)
			}
		}
	}
	return res, nil
}

// turn runs one round of one contestant.
func turn(ctx context.Context, r runner, n, workers int) (created, worked time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if err := r.reset(ctx); err != nil {
		return 0, 0, err
	}
	if created, err = timed(func() error { return r.create(ctx, n, workers) }); err != nil {
		return 0, 0, err
	}
	if err := r.settle(ctx); err != nil {
		return 0, 0, err
	}
	if worked, err = timed(func() error { return r.work(ctx, n, workers) }); err != nil {
		return 0, 0, err
	}
	done, err := r.completed(ctx)
	if err == nil && done != n {
		err = fmt.Errorf("%d of %d jobs are completed", done, n)
	}
	return created, worked, err
}

func (r *rates) add(n int, created, worked time.Duration) {
	r.create = append(r.create, float64(n)/created.Seconds())
	r.work = append(r.work, float64(n)/worked.Seconds())
	r.cycle = append(r.cycle, float64(n)/(created+worked).Seconds())
}

// ratio returns the median over rounds of who's rate divided by other's. It returns false
// if one was skipped.
func (r *result) ratio(who, other string) (float64, bool) {
	a, b := r.rates[who], r.rates[other]
	if a == nil || b == nil {
		return 0, false
	}
	return median(a.cycle) / median(b.cycle), true
}

// median returns the median of values, the mean of the middle two if even.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	m := len(s) / 2
	if len(s)%2 == 0 {
		return (s[m-1] + s[m]) / 2
	}
	return s[m]
}
