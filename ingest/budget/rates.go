package budget

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// rates has a token bucket for each organization that sent recently. The Budget's mutex
// guards it.
type rates struct {
	rate    rate.Limit
	burst   int
	buckets map[string]*rate.Limiter
	sweepAt int // number of buckets
}

// fewBuckets is the number of buckets below which none are dropped.
const fewBuckets = 1024

func newRates(perSecond float64, burst int) *rates {
	return &rates{rate: rate.Limit(perSecond), burst: burst, buckets: map[string]*rate.Limiter{}, sweepAt: fewBuckets}
}

// take takes one of an organization's tokens, or returns how long until there is one.
func (r *rates) take(organization string, now time.Time) (wait time.Duration) {
	if r.rate == 0 {
		return 0
	}
	b := r.buckets[organization]
	if b == nil {
		r.sweep(now)
		b = rate.NewLimiter(r.rate, r.burst)
		r.buckets[organization] = b
	}
	if b.AllowN(now, 1) {
		return 0
	}
	return max(1, time.Duration(math.Ceil((1-b.TokensAt(now))/float64(r.rate)*float64(time.Second))))
}

// sweep drops full buckets, because a new one would be the same.
func (r *rates) sweep(now time.Time) {
	if len(r.buckets) < r.sweepAt {
		return
	}
	for organization, b := range r.buckets {
		if b.TokensAt(now) >= float64(r.burst) {
			delete(r.buckets, organization)
		}
	}
	r.sweepAt = max(fewBuckets, 2*len(r.buckets))
}
