package httpapi

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/internal/httpdigest"
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

// explicitJSON reports whether application/json is named: a wildcard does not win a tie
// with application/fhir+json.
func explicitJSON(accept []string) bool {
	return strings.Contains(strings.Join(accept, ","), "application/json")
}

var bundleTypes = []string{"application/fhir+json", "application/json"}

// bundleType checks the media type of a Bundle and returns it without parameters other than
// fhirVersion. A missing one, and FHIR DSTU 2's, which some senders still use, become
// application/fhir+json. The only charset is utf-8; utf8 is not a registered name, but some
// senders use it.
func bundleType(r *http.Request) (string, error) {
	if len(r.Header.Values("Content-Type")) > 1 {
		return "", unsupportedType("More than one Content-Type")
	}
	given := r.Header.Get("Content-Type")
	if strings.TrimSpace(given) == "" {
		return bundleTypes[0], nil
	}
	media, params, err := mime.ParseMediaType(given)
	if media == "application/json+fhir" {
		media = bundleTypes[0]
	}
	charset, ok := params["charset"]
	switch utf8 := !ok || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8"); {
	case err != nil || !slices.Contains(bundleTypes, media):
		what := "Unsupported Content-Type"
		if strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml") {
			what = "XML is not read"
		}
		return "", unsupportedType(what)
	case !utf8:
		return "", unsupportedType("Unsupported charset")
	}
	if version := params["fhirversion"]; version != "" {
		media = mime.FormatMediaType(media, map[string]string{"fhirVersion": version})
	}
	return media, nil
}

func unsupportedType(what string) error {
	return &httpError{
		status:  http.StatusUnsupportedMediaType,
		message: what + "; allowed are " + strings.Join(bundleTypes, " and ") + ", in UTF-8",
		header:  map[string]string{"Accept-Post": strings.Join(bundleTypes, ", ")},
	}
}

// contentEncoding returns the body's encoding; repeated headers are one list (RFC 9110,
// section 5.3).
func contentEncoding(r *http.Request) string {
	return strings.Join(r.Header.Values("Content-Encoding"), ", ")
}

// digests returns the digests in a request's headers.
func digests(r *http.Request) (*httpdigest.Digests, error) {
	d, err := httpdigest.Parse(r.Header)
	if err != nil {
		return nil, &httpError{
			status: http.StatusBadRequest, message: "Malformed digest: " + err.Error(),
			header: map[string]string{"Want-Content-Digest": httpdigest.Want},
		}
	}
	return d, nil
}

var errDigest = &httpError{status: http.StatusBadRequest, message: "The body does not have the digest that was promised"}

// idempotencyKey reads the Idempotency-Key header: a string of RFC 9651, section 3.3.3, as
// in the draft, or the bare token that many clients send.
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
