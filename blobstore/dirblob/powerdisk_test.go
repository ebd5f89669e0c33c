package dirblob

import (
	"math/rand/v2"
	"os"
	slash "path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// diskModel says what a file system may do with what was not synced when the
// power is lost. In all of them the content of a file that was not synced may be
// missing, cut at any length or zero from any place on, and its time not be set.
type diskModel string

const (
	// journalModel is ext4 with data=ordered: changes of names become durable in
	// their order, and any sync makes all durable that were made before it.
	journalModel diskModel = "journal (ext4)"
	// namesModel: changes of names become durable in any order, each by itself; a
	// sync of a folder makes its names durable, and one of a file its names and
	// those of the folders above. This is what package dirblob relies on.
	namesModel diskModel = "names in any order"
	// posixModel is the least that POSIX asks for: as namesModel, but the sync of
	// a file keeps its content and no name.
	posixModel diskModel = "POSIX at the least"
)

// inode is a file or a folder as the model has it.
type inode struct {
	folder bool
	names  map[string]*history // of a folder

	data       []byte // of a file
	mtime      time.Time
	durable    int // bytes that were synced
	durableSet bool
	durableAt  time.Time // the time that was synced
}

// history is what a name stood for, from what is durable on; the last is what
// programs see. No inode: there was no such name.
type history struct {
	first  int // the number of values[0]
	values []*inode
}

func (h *history) last() *inode { return h.values[len(h.values)-1] }

// settle makes the value with a number durable.
func (h *history) settle(n int) {
	if n > h.first {
		h.values = h.values[n-h.first:]
		h.first = n
	}
}

func (n *inode) see(name string) *inode {
	if h := n.names[name]; h != nil {
		return h.last()
	}
	return nil
}

func (n *inode) set(name string, value *inode) {
	h := n.names[name]
	if h == nil {
		h = &history{values: []*inode{nil}}
		n.names[name] = h
	}
	h.values = append(h.values, value)
}

func newFolder() *inode { return &inode{folder: true, names: map[string]*history{}} }

// promise is what a sync that has begun makes durable when it ends.
type promise struct {
	history *history
	number  int
	file    *inode
	size    int
	at      time.Time
}

// disk is what was done to a file system up to a power loss.
type disk struct {
	model diskModel
	root  *inode
	files map[int]*inode
	syncs map[int][]promise // by where they began
}

// lose replays a trace up to the power loss. rng decides how far the journal is
// behind, where there is one.
func lose(model diskModel, steps []step, rng *rand.Rand) *disk {
	d := &disk{model: model, root: newFolder(), files: map[int]*inode{}, syncs: map[int][]promise{}}
	written := len(steps) // of the journal
	if model == journalModel {
		at := 0
		for _, s := range steps {
			if s.kind == stepFileSynced || s.kind == stepFolderSynced {
				at = max(at, s.began)
			}
		}
		written = at + rng.IntN(len(steps)-at+1)
	}
	for i, s := range steps {
		d.do(i, s, i < written)
	}
	return d
}

func (d *disk) folder(name string) *inode {
	n := d.root
	if name == "" || name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.see(part); n == nil {
			return nil
		}
	}
	return n
}

func (d *disk) find(name string) *inode { return d.folder(name) }

func (d *disk) set(name string, value *inode) { d.folder(slash.Dir(name)).set(slash.Base(name), value) }

func (d *disk) do(i int, s step, names bool) {
	switch s.kind {
	case stepWrite:
		if f := d.files[s.file]; f != nil {
			f.data = append(f.data, s.data...)
		}
	case stepSyncFile:
		if f := d.files[s.file]; f != nil {
			d.syncs[i] = append(d.syncs[i], promise{file: f, size: len(f.data), at: f.mtime})
			if d.model == namesModel {
				d.promiseNames(i, d.root, f)
			}
		}
	case stepSyncFolder:
		if n := d.folder(s.name); n != nil {
			for _, h := range n.names {
				d.syncs[i] = append(d.syncs[i], promise{history: h, number: h.first + len(h.values) - 1})
			}
		}
	case stepFileSynced, stepFolderSynced:
		for _, p := range d.syncs[s.began] {
			if p.history != nil {
				p.history.settle(p.number)
				continue
			}
			p.file.durable, p.file.durableSet, p.file.durableAt = p.size, true, p.at
		}
	default:
		if names {
			d.rename(s)
		}
	}
}

// rename makes a change of a name, or of a time.
func (d *disk) rename(s step) {
	switch s.kind {
	case stepMkdir:
		d.set(s.name, newFolder())
	case stepCreate:
		f := &inode{}
		d.files[s.file] = f
		d.set(s.name, f)
	case stepChtimes:
		d.find(s.name).mtime = s.mtime
	case stepLink:
		d.set(s.to, d.find(s.name))
	case stepRename:
		f := d.find(s.name)
		d.set(s.to, f)
		d.set(s.name, nil)
	case stepRemove:
		d.set(s.name, nil)
	}
}

// promiseNames promises the names of a file, and of the folders above.
func (d *disk) promiseNames(i int, in *inode, file *inode) bool {
	found := false
	for _, h := range in.names {
		n := h.last()
		if n == file || n != nil && n.folder && d.promiseNames(i, n, file) {
			d.syncs[i] = append(d.syncs[i], promise{history: h, number: h.first + len(h.values) - 1})
			found = true
		}
	}
	return found
}

// luck says which of what was not synced is there after a power loss.
type luck int

const (
	nothing  luck = iota // of names; content is not there either
	allNames             // but not the content
	byChance
)

// write makes the tree that the next start finds.
func (d *disk) write(dir string, l luck, rng *rand.Rand) error {
	w := &treeWriter{model: d.model, luck: l, rng: rng, made: map[*inode]string{}}
	return w.folder(d.root, dir)
}

type treeWriter struct {
	model diskModel
	luck  luck
	rng   *rand.Rand
	made  map[*inode]string
}

func (w *treeWriter) folder(n *inode, dir string) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	names := make([]string, 0, len(n.names))
	for name := range n.names {
		names = append(names, name)
	}
	slices.Sort(names) // the same seed gives the same tree
	for _, name := range names {
		there := w.choose(n.names[name])
		to := filepath.Join(dir, name)
		var err error
		switch first, linked := w.made[there]; {
		case there == nil:
		case there.folder:
			err = w.folder(there, to)
		case linked:
			err = os.Link(first, to)
		default:
			w.made[there] = to
			err = w.file(there, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWriter) choose(h *history) *inode {
	switch {
	case w.model == journalModel || w.luck == allNames:
		return h.last()
	case w.luck == nothing:
		return h.values[0]
	}
	return h.values[w.rng.IntN(len(h.values))]
}

func (w *treeWriter) file(f *inode, name string) error {
	data, mtime := f.data, f.mtime
	if !f.durableSet || f.durable < len(data) {
		data = slices.Clone(data)
		from := f.durable + w.rng.IntN(len(data)-f.durable+1)
		switch how := w.rng.IntN(4); {
		case w.luck != byChance || how == 0:
			data = data[:f.durable]
		case how == 1:
			data = data[:from]
		case how == 2:
			clear(data[from:])
		}
	}
	if !f.durableSet || !f.durableAt.Equal(mtime) {
		if w.luck != byChance || w.rng.IntN(2) == 0 {
			mtime = f.durableAt
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return err
	}
	if mtime.IsZero() {
		return nil
	}
	return os.Chtimes(name, mtime, mtime)
}
