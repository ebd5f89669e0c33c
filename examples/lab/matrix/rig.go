//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/gatewayprocess"
)

const (
	// expiry of upload URLs: an upload whose notification was lost is found after its URL
	// has expired.
	expiry = 4 * time.Second
	// most is the time limit of a job.
	most = 60 * time.Second
	// The tenants, and the store's secret.
	tenant, tenantToken = "north", "token-of-north"
	other, otherToken   = "south", "token-of-south"
	secret              = "what-the-store-shows"
)

// rig is a running pairing: a process that accepts and one that works, or one that does
// both.
type rig struct {
	pairing
	config  *config
	folder  string
	lent    []*lent
	bucket  string // its URL
	env     []string
	client  *frontdoor.Client // of tenant
	front   *gatewayprocess.Process
	workers []*gatewayprocess.Process // the last one is running
	log     func(format string, args ...any)
}

// start opens the parts and starts the processes.
func (r *rig) start(ctx context.Context) error {
	if err := os.MkdirAll(r.folder, 0o700); err != nil {
		return err
	}
	var args []string
	for _, p := range []part{r.objects, r.queue, r.job} {
		r.log("start %s", p.name)
		l, err := p.open(ctx, r.folder)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		r.lent = append(r.lent, l)
		args = append(args, l.args...)
		// The object store's value of a shared variable wins, since it checks signatures.
		r.env = append(l.env, r.env...)
		if l.url != "" {
			r.bucket = l.url
		}
	}
	args = append(args,
		"-token", tenantToken+"="+tenant, "-token", otherToken+"="+other, "-notification-secret", secret,
		"-upload-expiry", expiry.String(), "-lease", "2s", "-sweep-every", "500ms", "-poll-every", "2s", "-batch-bytes", "4KiB",
		"-log-level", "debug")
	var err error
	if r.alone() {
		r.front, err = r.process(ctx, "all", args)
		r.workers = []*gatewayprocess.Process{r.front}
	} else if r.front, err = r.process(ctx, "api", args); err == nil {
		var w *gatewayprocess.Process
		w, err = r.process(ctx, "worker", args)
		r.workers = []*gatewayprocess.Process{w}
	}
	if err != nil {
		return err
	}
	r.client = &frontdoor.Client{Base: r.front.Base(), Token: tenantToken}
	return nil
}

// process starts a gateway with a role and waits until it responds.
func (r *rig) process(ctx context.Context, role string, args []string) (*gatewayprocess.Process, error) {
	addr, err := gatewayprocess.FreeAddress()
	if err != nil {
		return nil, err
	}
	p := &gatewayprocess.Process{
		Program: r.config.gateway, Addr: addr, Env: r.env, Log: filepath.Join(r.folder, role+".log"),
		Args: append([]string{"-role", role, "-data", filepath.Join(r.folder, "data")}, args...),
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	if err := p.Up(ctx); err != nil {
		p.Kill()
		said, _ := os.ReadFile(p.Log)
		return nil, fmt.Errorf("%w\n%s", err, tail(said))
	}
	return p, nil
}

// replace kills the working process and starts another, on the same address if it also
// accepts.
func (r *rig) replace(ctx context.Context) error {
	dead := r.workers[len(r.workers)-1]
	dead.Kill()
	if r.alone() {
		if err := dead.Start(); err != nil {
			return err
		}
		return dead.Up(ctx)
	}
	next := *dead
	var err error
	if next.Addr, err = gatewayprocess.FreeAddress(); err != nil {
		return err
	}
	if err := next.Start(); err != nil {
		return err
	}
	r.workers = append(r.workers, &next)
	return next.Up(ctx)
}

// stop ends the processes and releases the parts.
func (r *rig) stop() error {
	if r.front != nil {
		r.front.Kill()
	}
	for _, w := range r.workers {
		w.Kill()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var errs []error
	for i := len(r.lent) - 1; i >= 0; i-- {
		if r.lent[i].close != nil {
			errs = append(errs, r.lent[i].close(ctx))
		}
	}
	return errors.Join(errs...)
}

// tell sends the object store's notification of a key to the gateway.
func (r *rig) tell(ctx context.Context, key string) error {
	said := tellOwn(key)
	if !r.own() {
		said = r.objects.told(bucketName(r.bucket), key)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.front.Base()+"/v1/notifications", bytes.NewReader(said))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("response to a notification: %s", resp.Status)
	}
	return nil
}

// call sends a tenant's request and returns the raw response.
func (r *rig) call(ctx context.Context, token, method, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, r.front.Base()+path, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// tool runs this program in the pairing's environment, on its bucket.
func (r *rig) tool(ctx context.Context, in io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, r.config.self, append([]string{bucketCommand, r.bucket, filepath.Join(r.folder, "tool")}, args...)...)
	cmd.Env, cmd.Stdin = append(os.Environ(), r.env...), in
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bucket tool: %w: %s", err, tail(said.Bytes()))
	}
	return out, nil
}

// tail returns the end of a process's output.
func tail(said []byte) string {
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
