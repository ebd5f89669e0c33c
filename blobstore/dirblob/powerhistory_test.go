package dirblob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
)

// action is a write or a delete as its caller knows it.
type action struct {
	key        string
	begin, end int // steps in the trace; no end: no answer
	done       bool
	failed     bool // the answer was that nothing was done
	object     *content
}

// content is the content of a write; a delete has none.
type content struct {
	size        int
	sha256      string
	contentType string
	metadata    map[string]string
	createOnly  bool
}

// actions are the calls and their answers.
type actions struct {
	trace *trace
	mu    sync.Mutex
	list  []*action
	odd   []error // unexpected answers
}

// errRefused is the answer that nothing was done.
var errRefused = errors.New("refused")

// make makes one call.
func (a *actions) make(key string, object *content, call func() error) {
	act := &action{key: key, object: object, begin: a.trace.now()}
	a.mu.Lock()
	a.list = append(a.list, act)
	a.mu.Unlock()
	err := call()
	act.end, act.done = a.trace.now(), true
	switch code := gcerrors.Code(err); {
	case err == nil:
	case errors.Is(err, errRefused), object == nil && code == gcerrors.NotFound, object != nil && object.createOnly && code == gcerrors.FailedPrecondition:
		act.failed = true
	default:
		a.mu.Lock()
		a.odd = append(a.odd, fmt.Errorf("%s: %w", key, err))
		a.mu.Unlock()
	}
}

// body returns content that no other write has.
func body(rng *rand.Rand, size int) ([]byte, *content) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(1 + rng.IntN(255)) // no zeros, which stand for lost content
	}
	sum := sha256.Sum256(data)
	return data, &content{
		size: size, sha256: hex.EncodeToString(sum[:]), contentType: fmt.Sprintf("text/x-%d", rng.Uint32()),
		metadata: map[string]string{"writer": fmt.Sprint(rng.Uint64())},
	}
}

// answered reports whether an action was answered before the power loss.
func (a *action) answered(cut int) bool { return a.done && a.end <= cut }

// overtaken reports whether another action on the key was answered that started after the
// end of this one.
func (a *actions) overtaken(x *action, cut int) bool {
	for _, y := range a.list {
		if y.key == x.key && y != x && !y.failed && y.answered(cut) && x.answered(cut) && y.begin >= x.end {
			return true
		}
	}
	return false
}

// allowed returns the writes that may be visible after a power loss, and whether none may
// be.
func (a *actions) allowed(key string, cut int) (may []*action, none bool) {
	never := &action{key: key, done: true} // the key did not exist at first
	if !a.overtaken(never, cut) {
		none = true
	}
	for _, x := range a.list {
		if x.key != key || x.failed || x.begin >= cut && !x.answered(cut) || a.overtaken(x, cut) {
			continue
		}
		if x.object == nil {
			none = true
		} else {
			may = append(may, x)
		}
	}
	return may, none
}

func (a *actions) keys() []string {
	seen := map[string]bool{}
	var keys []string
	for _, x := range a.list {
		if !seen[x.key] {
			seen[x.key] = true
			keys = append(keys, x.key)
		}
	}
	return keys
}

// check compares an object with what a write wrote. bare is true if only the content
// matches.
func (c *content) check(data []byte, attrs *blob.Attributes) (ok, bare bool) {
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != c.sha256 || int64(c.size) != attrs.Size {
		return false, false
	}
	var digest blobstore.Digest
	if !attrs.As(&digest) {
		if c.metadata == nil { // a plain write
			return attrs.ContentType == c.contentType && len(attrs.Metadata) == 0, false
		}
		return false, !strings.HasPrefix(attrs.ContentType, "text/") && len(attrs.Metadata) == 0
	}
	return digest.SHA256 == c.sha256 && attrs.ContentType == c.contentType && maps.Equal(attrs.Metadata, c.metadata), false
}
