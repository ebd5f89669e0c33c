package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/jobs"
)

const manifestName = "manifest.json"

// manifest is the commit marker of a job's files.
type manifest struct {
	JobID   string   `json:"jobId"`
	Run     int      `json:"run"`
	Outputs []output `json:"outputs"`
	// Checksum is the SHA-256, in hex, of the manifest as compact JSON with an empty
	// checksum.
	Checksum string `json:"checksum"`
}

// output is an output with the CRC-32C of its content as 8 hexadecimal digits. A SHA-256
// would cost as much as everything else the lake does with a resource.
type output struct {
	jobs.Output
	CRC32C string `json:"crc32c"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func digits(sum hash.Hash32) string { return fmt.Sprintf("%08x", sum.Sum32()) }

func (m *manifest) outputs() []jobs.Output {
	outputs := make([]jobs.Output, len(m.Outputs))
	for i, out := range m.Outputs {
		outputs[i] = out.Output
	}
	return outputs
}

func (m *manifest) sum() (string, error) {
	bare := *m
	bare.Checksum = ""
	raw, err := json.Marshal(&bare)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// manifest reads the manifest of this run of a job. It returns nil if there is none, or if
// it is damaged, so that the files are overwritten. A manifest of a later run is an error:
// the caller lost its lease long ago and must not overwrite that run's files.
func (l *Lake) manifest(ctx context.Context, job *jobs.Job) (*manifest, error) {
	raw, err := l.bucket.ReadAll(ctx, l.folder(job)+manifestName)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("sink: read manifest: %w", err)
	}
	var m manifest
	if json.Unmarshal(raw, &m) != nil || m.JobID != job.ID {
		return nil, nil
	}
	sum, err := m.sum()
	switch {
	case err != nil:
		return nil, fmt.Errorf("sink: %w", err)
	case sum != m.Checksum, m.Run < job.Run:
		return nil, nil // damaged, or of an earlier run
	case m.Run > job.Run:
		return nil, fmt.Errorf("sink: the files are of run %d, but this is run %d", m.Run, job.Run)
	}
	return &m, nil
}

// published returns the manifest of this run of a job if all its files are intact and
// contain done resources, otherwise nil. It does not read files that this process has just
// published.
func (l *Lake) published(ctx context.Context, job *jobs.Job, done int64) (*manifest, error) {
	m, err := l.manifest(ctx, job)
	if err != nil || m == nil {
		return nil, err
	}
	var count int64
	for _, out := range m.Outputs {
		count += out.Count
	}
	if count != done {
		return nil, nil
	}
	if l.recent.take(stageID(job)) {
		return m, nil
	}
	for _, out := range m.Outputs {
		if ok, err := l.intact(ctx, out); err != nil || !ok {
			return nil, err
		}
	}
	return m, nil
}

// intact reports whether a file has its size and checksum.
func (l *Lake) intact(ctx context.Context, out output) (bool, error) {
	r, err := l.bucket.NewReader(ctx, out.Key, nil)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("sink: open a file: %w", err)
	}
	defer r.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, r)
	if err == nil && n < r.Size() {
		return false, fmt.Errorf("sink: read a file: it ended after %d of %d bytes", n, r.Size())
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("sink: read a file: %w", err)
	}
	return n == out.Bytes && digits(sum) == out.CRC32C, nil
}
