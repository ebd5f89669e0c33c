package notify

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
)

const allowed = "OPTIONS, HEAD, POST"

// authentic reports whether a request has a secret or is accepted by Authenticate.
func (h *handler) authentic(r *http.Request) bool {
	if h.hasSecret(r.Header.Values(h.opts.Header)) {
		return true
	}
	if h.opts.Query != "" && h.hasSecret(r.URL.Query()[h.opts.Query]) {
		return true
	}
	if h.opts.Authenticate == nil {
		return false
	}
	if err := h.opts.Authenticate(r); err != nil {
		h.refused.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "notification not authenticated", slog.Any("error", err))
		return false
	}
	return true
}

// hasSecret reports whether there is a single value and it is a secret.
func (h *handler) hasSecret(values []string) bool {
	return len(values) == 1 && h.isSecret(values[0])
}

// isSecret compares in a time that reveals nothing about the secrets, not even their
// lengths.
func (h *handler) isSecret(value string) bool {
	if scheme, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
		value = token
	}
	given := sha256.Sum256([]byte(value))
	equal := 0
	for _, secret := range h.opts.Secrets {
		want := sha256.Sum256([]byte(secret))
		equal |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return equal == 1
}

// consent answers the handshake of CloudEvents' abuse protection.
func (h *handler) consent(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", allowed)
	origin := r.Header.Get("WebHook-Request-Origin")
	for _, known := range h.opts.Origins {
		if strings.EqualFold(origin, known) {
			w.Header().Set("WebHook-Allowed-Origin", known)
			w.Header().Set("WebHook-Allowed-Rate", "*")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
