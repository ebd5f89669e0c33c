package objectstores

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// gcsAccount is the signing account.
const gcsAccount = "fhirdock-test@example.iam.gserviceaccount.com"

// GCS starts fake-gcs-server in this process, in memory, with one bucket and a
// [SignatureCheck] as its proxy. A new signing key is written to the folder.
func GCS(ctx context.Context, folder string) (*Storage, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	keyFile := filepath.Join(folder, "gcs.pem")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", PublicHost: address})
	if err != nil {
		return nil, fmt.Errorf("fake-gcs-server: %w", err)
	}
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "payloads"})
	inner, err := url.Parse(fake.URL())
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(inner)
		r.Out.Host = address // the emulator routes by host
	}}
	front := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: &SignatureCheck{
		Account: gcsAccount, Key: &key.PublicKey, Next: proxy, Now: time.Now,
		Exists: func(bucket, object string) bool {
			_, err := fake.GetObject(bucket, object)
			return err == nil
		},
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = front.Serve(listener) // until it is closed
	}()
	return &Storage{
		Name: "fake-gcs-server, an emulator, with our own signature check",
		Env:  map[string]string{"STORAGE_EMULATOR_HOST": address},
		URL:  "gs://payloads?" + url.Values{"access_id": {gcsAccount}, "private_key_path": {keyFile}}.Encode(),
		stop: func() error {
			err := front.Close()
			<-done
			fake.Stop()
			return err
		},
	}, nil
}
