package ingesttest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

const objectsPath = "/v1/objects"

// doors serves the API and the signed URLs. It is not a ServeMux, which would redirect
// unclean paths.
type doors struct{ front, uploads http.Handler }

func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, objectsPath+"/") {
		d.uploads.ServeHTTP(w, r)
		return
	}
	d.front.ServeHTTP(w, r)
}

// open creates the handlers, before the first request.
func (d *doors) open(t testing.TB, p *Pipeline, signer *signedurl.Signer, o *Options) {
	t.Helper()
	var err error
	who := o.Authenticator
	if who == nil {
		who, err = auth.ParseTokens(Token+"="+Organization+":tester", OtherToken+"="+OtherOrganization)
		check(t, err)
	}
	d.front, err = httpapi.New(p.Service, who, &httpapi.Options{Logger: o.Service.Logger, Body: o.Body})
	check(t, err)
	if o.Routes != nil {
		mux := http.NewServeMux()
		o.Routes(mux, p.Service)
		mux.Handle("/", d.front)
		d.front = mux
	}
	uploads := &signedurl.HandlerOptions{Logger: o.Service.Logger, Body: o.Body}
	if !o.DropUploadNotifications {
		uploads.OnCreated = p.Service.ObjectCreated
	}
	d.uploads, err = signedurl.NewHandler(p.Bucket, signer, uploads)
	check(t, err)
}
