package httpapi

import (
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// prefersFHIR reports whether Accept prefers application/fhir+json to
// application/json (RFC 9110, section 12.5.1). JSON wins a tie.
func prefersFHIR(accept []string) bool {
	fhir, plain := 0.0, 0.0
	for _, header := range accept {
		for item := range strings.SplitSeq(header, ",") {
			media, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			q := 1.0
			if v, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(v, 64); err != nil || q < 0 || q > 1 {
					q = 0
				}
			}
			switch media {
			case "application/fhir+json":
				fhir = max(fhir, q)
			case "application/json", "*/*", "application/*":
				plain = max(plain, q)
			}
		}
	}
	return fhir > 0 && fhir >= plain && (fhir > plain || !explicitJSON(accept))
}

// explicitJSON reports whether application/json is named: a wildcard beside
// application/fhir+json does not outdo it.
func explicitJSON(accept []string) bool {
	return strings.Contains(strings.Join(accept, ","), "application/json")
}

var bundleTypes = []string{"application/fhir+json", "application/json"}

// bundleType checks the media type of a Bundle and returns it without parameters,
// save fhirVersion.
func bundleType(r *http.Request) (string, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	known := err == nil && (media == bundleTypes[0] || media == bundleTypes[1])
	if charset, ok := params["charset"]; !known || ok && !strings.EqualFold(charset, "utf-8") {
		return "", &httpError{
			status:  http.StatusUnsupportedMediaType,
			message: "Unsupported Content-Type; allowed are " + strings.Join(bundleTypes, " and ") + ", in UTF-8",
			header:  map[string]string{"Accept-Post": strings.Join(bundleTypes, ", ")},
		}
	}
	if version := params["fhirversion"]; version != "" {
		media = mime.FormatMediaType(media, map[string]string{"fhirVersion": version})
	}
	return media, nil
}

// contentEncoding is the body's encoding; a header that is there several times is
// one list (RFC 9110, section 5.3).
func contentEncoding(r *http.Request) string {
	return strings.Join(r.Header.Values("Content-Encoding"), ", ")
}

// contentDigest reads the SHA-256 of a Content-Digest header (RFC 9530) as hex;
// empty if it has none. Other algorithms are passed over.
func contentDigest(r *http.Request) (string, error) {
	malformed := &httpError{status: http.StatusBadRequest, message: "Malformed Content-Digest; what is read is sha-256=:BASE64:"}
	for _, header := range r.Header.Values("Content-Digest") {
		for item := range strings.SplitSeq(header, ",") {
			name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				return "", malformed
			}
			if name != "sha-256" {
				continue
			}
			value, _, _ = strings.Cut(value, ";")
			if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' {
				return "", malformed
			}
			sum, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
			if err != nil || len(sum) != 32 {
				return "", malformed
			}
			return hex.EncodeToString(sum), nil
		}
	}
	return "", nil
}

// idempotencyKey reads the Idempotency-Key header: a string of RFC 9651, section
// 3.3.3, as the draft has it, or the bare token that many clients send.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	malformed := &httpError{status: http.StatusBadRequest, message: "Malformed Idempotency-Key; it is one string of 1 to 255 printable characters"}
	key := strings.TrimSpace(values[0])
	if len(values) > 1 || key == "" {
		return "", malformed
	}
	if key[0] == '"' {
		if len(key) < 2 || key[len(key)-1] != '"' {
			return "", malformed
		}
		var b strings.Builder
		for inner := key[1 : len(key)-1]; inner != ""; inner = inner[1:] {
			c := inner[0]
			if c == '"' {
				return "", malformed
			}
			if c == '\\' {
				inner = inner[1:]
				if inner == "" || inner[0] != '"' && inner[0] != '\\' {
					return "", malformed
				}
				c = inner[0]
			}
			b.WriteByte(c)
		}
		key = b.String()
	}
	if key == "" || len(key) > 255 {
		return "", malformed
	}
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return "", malformed
		}
	}
	return key, nil
}
