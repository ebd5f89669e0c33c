package budget

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Reasons of refusals.
const (
	ReasonRate            = "rate"            // too many requests of the organization in a time
	ReasonRequests        = "requests"        // in flight
	ReasonBytes           = "bytes"           // of bodies in flight
	ReasonLists           = "lists"           // at a time
	ReasonPuts            = "puts"            // uploads of files at a time
	ReasonUnauthenticated = "unauthenticated" // requests in flight
	ReasonWebhooks        = "webhooks"        // in flight that are not verified
	ReasonSpace           = "space"           // for the body
	ReasonTurn            = "turn"            // its turn to be worked on did not come in time
)

// Refusal is the error of a request that is over a budget. It may be sent again.
type Refusal struct {
	// Reason is one of the constants. It names no organization.
	Reason string
	// Organization reports whether the caller's organization is over its own budget,
	// rather than all of them together over the process's.
	Organization bool
	// RetryAfter is when another try may fare better. It is a little different each
	// time, so that those who were refused together don't come back together.
	RetryAfter time.Duration
	// Err is the cause, for logs only; it may be nil.
	Err error

	quota, left int64
	unit        string
	window      time.Duration
}

func (r *Refusal) Error() string {
	if r.Organization {
		return "budget: the organization is over its budget of " + r.Reason
	}
	if r.Err != nil {
		return "budget: over the budget of " + r.Reason + ": " + r.Err.Error()
	}
	return "budget: over the budget of " + r.Reason
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// retrySoon is the least RetryAfter where a place becomes free once another request ends.
const retrySoon = time.Second

// retrySpace is the same if somebody has to free space.
const retrySpace = 30 * time.Second

// after is a RetryAfter: d, and up to half of it or a second more.
func after(d time.Duration) time.Duration {
	return d + rand.N(max(d/2, time.Second))
}

// Status is 429 if the organization is over its budget, and 503 if the process is.
func (r *Refusal) Status() int {
	if r.Organization {
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// Header has Retry-After and, for an organization, RateLimit and RateLimit-Policy as
// draft-ietf-httpapi-ratelimit-headers-11 has them. Callers don't learn the limits of the
// process: its RateLimit has the name of the budget, and that nothing of it is left.
func (r *Refusal) Header() map[string]string {
	seconds := int64(math.Ceil(r.RetryAfter.Seconds()))
	header := map[string]string{"Retry-After": strconv.FormatInt(seconds, 10)}
	if !r.Organization {
		header["RateLimit"] = fmt.Sprintf(`"server-%s";r=0;t=%d`, r.Reason, seconds)
		return header
	}
	policy := fmt.Sprintf("%q;q=%d", r.Reason, r.quota)
	if r.unit != "" {
		policy += fmt.Sprintf(";qu=%q", r.unit)
	}
	if r.window > 0 {
		policy += fmt.Sprintf(";w=%d", int64(math.Ceil(r.window.Seconds())))
	}
	header["RateLimit-Policy"] = policy
	header["RateLimit"] = fmt.Sprintf("%q;r=%d;t=%d", r.Reason, r.left, seconds)
	return header
}
