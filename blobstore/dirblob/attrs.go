package dirblob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// attributes of an object, stored as JSON in a second file.
type attributes struct {
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	ContentType        string            `json:"contentType"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	Size               int64             `json:"size"`
	SHA256             string            `json:"sha256,omitempty"`
	// Blocks has the output of blobstore.BlockHash, and BlockSize the size it was made
	// with. Empty for an object of one block, or of more than maxBlocks.
	Blocks    []byte `json:"blocks,omitempty"`
	BlockSize int64  `json:"blockSize,omitempty"`
	ETag      string `json:"etag"`
}

// maxBlocks bounds the size of the attributes, which are read whenever the object is
// opened, to 350 kB for an object of 32 GiB.
const maxBlocks = 8192

// defaults returns the attributes of a file without an attributes file: a plain object, or
// a file not written by a bucket.
func defaults(info fs.FileInfo) *attributes {
	return &attributes{
		ContentType: typeOf(info.Name()),
		Size:        info.Size(),
		ETag:        fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()),
	}
}

// typeOf returns the content type of a file without an attributes file.
func typeOf(name string) string {
	switch filepath.Ext(name) {
	case ".json":
		return "application/json"
	case ".ndjson":
		return "application/x-ndjson"
	}
	return "application/octet-stream"
}

// plain reports whether the attributes equal the defaults, apart from digest and ETag.
func (a *attributes) plain(name string) bool {
	return a.ContentType == typeOf(name) && len(a.Metadata) == 0 &&
		a.CacheControl == "" && a.ContentDisposition == "" && a.ContentEncoding == "" && a.ContentLanguage == ""
}

// attributesName returns the name of the attributes file of a generation of a data file.
func attributesName(name string, mtime time.Time) string {
	folder, base := filepath.Split(name)
	return folder + "." + base + "@" + strconv.FormatInt(mtime.UnixMicro(), 10)
}

// existingAttributes returns the name of a data file's attributes file, or an empty string
// if it has none. Call it while the data file still has its name: the generation of a
// removed plain object may be reused.
func existingAttributes(name string, info fs.FileInfo) string {
	attrsName := attributesName(name, info.ModTime())
	if _, err := os.Lstat(attrsName); err != nil {
		return ""
	}
	return attrsName
}

// owner returns the name of the data file that an attributes file belongs to. It returns
// false for other files.
func owner(name string) (string, bool) {
	at := strings.LastIndexByte(name, '@')
	if at < 1 || !hidden(name) {
		return "", false
	}
	if _, ok := unname(name[1:at], false); !ok {
		return "", false
	}
	if _, err := strconv.ParseInt(name[at+1:], 10, 64); err != nil {
		return "", false
	}
	return name[1:at], true
}

// readAttributes returns the attributes of the file with the given info; fs.ErrNotExist if
// it has none.
func readAttributes(name string, info fs.FileInfo) (*attributes, error) {
	raw, err := os.ReadFile(attributesName(name, info.ModTime()))
	if err != nil {
		return nil, err
	}
	var a attributes
	if err := json.Unmarshal(raw, &a); err != nil || a.Size != info.Size() {
		return nil, fs.ErrNotExist // the content was changed by hand
	}
	return &a, nil
}

// writeAttributes writes the attributes of a data file that does not have its name yet,
// durably. It returns their name and the generation that the data file must have.
func writeAttributes(fsys fileSystem, name string, a *attributes) (string, time.Time, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return "", time.Time{}, err
	}
	f, mtime, err := reserve(fsys, name)
	if err != nil {
		return "", time.Time{}, err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", time.Time{}, errors.Join(err, fsys.Remove(f.Name()))
	}
	return f.Name(), mtime, nil
}

// reserve creates the attributes file of a generation that no other writer and no data file
// of that name has.
func reserve(fsys fileSystem, name string) (file, time.Time, error) {
	for {
		// The clock may be coarse, so use some jitter; creating the file decides between
		// concurrent writers.
		mtime := time.Now().Add(-time.Duration(rand.N(1000)) * time.Microsecond).Truncate(time.Microsecond)
		f, err := fsys.Create(attributesName(name, mtime))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		// A plain object may have the generation: it has released its reservation.
		if info, err := os.Lstat(name); err != nil || !info.ModTime().Equal(mtime) {
			return f, mtime, nil
		}
		if err := errors.Join(f.Close(), fsys.Remove(f.Name())); err != nil {
			return nil, time.Time{}, err
		}
	}
}
