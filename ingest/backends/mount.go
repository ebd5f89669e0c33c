package backends

import (
	"net/http"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// Mount serves a Service's front door on a mux, at /v1/ingestion/, and the signed URLs of
// its bucket at [ObjectsPath], if the bucket's own service doesn't take uploads. Both log
// to [Options.Logger] and have their other options' defaults; for others use [httpapi.New] and [signedurl.NewHandler].
func (b *Backends) Mount(mux *http.ServeMux, svc *ingest.Service, who auth.Authenticator) error {
	front, err := httpapi.New(svc, who, &httpapi.Options{Logger: b.log})
	if err != nil {
		return err
	}
	mux.Handle("/v1/ingestion/", front)
	if b.Signer == nil {
		return nil
	}
	objects, err := signedurl.NewHandler(b.Store.Bucket(), b.Signer, &signedurl.HandlerOptions{OnCreated: svc.ObjectCreated, Logger: b.log})
	if err != nil {
		return err
	}
	mux.Handle(ObjectsPath+"/", objects)
	return nil
}
