package diskspace

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReservationsLeaveTheFloor(t *testing.T) {
	free := int64(100)
	d := &Disk{folder: "f", floor: 20, free: func() (int64, error) { return free, nil }}
	first, err := d.Reserve(60)
	require.NoError(t, err)
	_, err = d.Reserve(21)
	require.ErrorIs(t, err, ErrLow)
	second, err := d.Reserve(20)
	require.NoError(t, err)

	// Written bytes are no longer free, and count once.
	free -= 60
	_, err = first.Write(make([]byte, 60))
	require.NoError(t, err)
	require.NoError(t, d.Check())
	_, err = d.Reserve(1)
	require.ErrorIs(t, err, ErrLow)
	_, err = first.Write(make([]byte, 1000))
	require.NoError(t, err, "more than was reserved")
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	_, err = d.Reserve(20)
	require.NoError(t, err)

	free = 19
	require.ErrorIs(t, d.Check(), ErrLow)
	require.EqualError(t, d.Check(), "diskspace: not enough free space on the file system of f: 19 bytes are free and 20 must stay free")
	free = 100
	require.NoError(t, d.Check())
	require.EqualValues(t, 20, d.reserved)
}

func TestOpen(t *testing.T) {
	folder := t.TempDir()
	d, err := Open(folder, nil)
	require.NoError(t, err)
	require.Positive(t, d.floor)
	require.LessOrEqual(t, d.floor, int64(1<<30))
	free, all, err := space(folder)
	require.NoError(t, err)
	require.Greater(t, all, free)
	d, err = Open(folder, &Options{Floor: 1})
	require.NoError(t, err)
	require.NoError(t, d.Check())
	_, err = d.Reserve(1 << 62)
	require.ErrorIs(t, err, ErrLow)

	_, err = Open(folder, &Options{Floor: -1})
	require.ErrorContains(t, err, "Options.Floor")
	_, err = Open(filepath.Join(folder, "no"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Remove(folder))
	require.ErrorIs(t, d.Check(), os.ErrNotExist)
}
