package dirblob

import (
	"context"
	"errors"
)

// checkSize is how much CheckWrite writes, in bytes: more than the smallest objects
// with their attributes take.
const checkSize = 64 << 10

// CheckWrite implements [blobstore.WriteChecker]: it writes a temporary file, which is
// never an object.
func (b *bucket) CheckWrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := b.fsys.CreateTemp(b.dir, b.owner())
	if err != nil {
		return b.missing(err)
	}
	defer b.cleanUp(f.Name())
	_, err = f.Write(make([]byte, checkSize))
	return errors.Join(err, f.Close())
}
