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
	ReasonRate            = "rate"            // the organization's requests per second
	ReasonRequests        = "requests"        // requests in flight
	ReasonBytes           = "bytes"           // bytes of bodies in flight
	ReasonLists           = "lists"           // concurrent lists
	ReasonPuts            = "puts"            // concurrent uploads of files
	ReasonUnauthenticated = "unauthenticated" // unauthenticated requests in flight
	ReasonWebhooks        = "webhooks"        // unverified webhooks in flight
	ReasonSpace           = "space"           // no space for the body
	ReasonTurn            = "turn"            // the request's turn did not come in time
)

// Refusal is the error of a request that exceeds a budget. The request may be retried.
type Refusal struct {
	// Reason is one of the Reason constants.
	Reason string
	// Organization reports whether the caller's organization exceeds its own budget,
	// rather than all of them together the process's.
	Organization bool
	// RetryAfter is how long to wait before a retry. It is randomized, so that clients
	// that were refused together don't retry together.
	RetryAfter time.Duration
	// Err is the cause, for logs only; it may be nil.
	Err error

	quota, left int64
	unit        string
	window      time.Duration
}

func (r *Refusal) Error() string {
	if r.Organization {
		return "budget: the organization exceeds its budget of " + r.Reason
	}
	if r.Err != nil {
		return "budget: " + r.Reason + " exceeded: " + r.Err.Error()
	}
	return "budget: " + r.Reason + " exceeded"
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// retrySoon is the minimum RetryAfter if a place becomes free when another request ends.
const retrySoon = time.Second

// retrySpace is the minimum RetryAfter if somebody has to free space.
const retrySpace = 30 * time.Second

// after returns a randomized RetryAfter: d, and up to half of it, or a second, more.
func after(d time.Duration) time.Duration {
	return d + rand.N(max(d/2, time.Second))
}

// Status returns 429 if the organization exceeds its budget, and 503 if the process does.
func (r *Refusal) Status() int {
	if r.Organization {
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// Header returns the header of the answer: Retry-After and RateLimit and, for an
// organization, RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11). It does not
// reveal the limits of the process, only the name of the exhausted budget.
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
