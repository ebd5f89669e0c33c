package httpbody

import (
	"net/http"
	"time"
)

// answer is a ResponseWriter with a deadline that moves with its progress.
type answer struct {
	http.ResponseWriter
	control  *http.ResponseController
	limits   *Limits
	body     *body // of the request; nil without one
	reusable bool  // the connection can be reused even if the body was not read
	began    bool
}

func (a *answer) WriteHeader(status int) {
	if status >= 200 && !a.began {
		a.begin()
	}
	a.ResponseWriter.WriteHeader(status)
}

// begin is called before the answer's status is sent.
func (a *answer) begin() {
	a.began = true
	// Otherwise net/http first reads the rest of the body, which may never come.
	if a.unread() && !a.reusable {
		a.Header().Set("Connection", "close")
	}
	a.move()
}

// maxWrite is how many bytes are written with one deadline.
const maxWrite = 32 << 10

func (a *answer) Write(p []byte) (written int, err error) {
	if !a.began {
		a.begin()
	}
	for {
		a.move()
		piece := p[written:min(len(p), written+maxWrite)]
		n, err := a.ResponseWriter.Write(piece)
		written += n
		if err != nil || written >= len(p) {
			return written, err
		}
	}
}

func (a *answer) move() { _ = a.control.SetWriteDeadline(time.Now().Add(a.limits.Answer)) }

// end sets the deadlines for what net/http does after the handler: writing the rest of the
// answer, and reading the rest of the body.
func (a *answer) end() {
	if !a.began {
		a.begin()
	}
	if a.unread() {
		a.body.close(time.Now().Add(a.limits.Refused))
	}
	a.move()
}

func (a *answer) unread() bool { return a.body != nil && !a.body.ended() }

// Unwrap supports http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
