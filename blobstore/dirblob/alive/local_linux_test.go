package alive

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No process is found dead on a file system whose locks another machine may hold.
func TestLocalType(t *testing.T) {
	proves, err := local("/proc")
	require.NoError(t, err)
	require.False(t, proves)
	for name, magic := range map[string]uint32{
		"NFS": 0x6969, "SMB 2": 0xfe534d42, "CIFS": 0xff534d42, "FUSE": 0x65735546, "9P": 0x01021997,
		"Ceph": 0x00c36400, "GFS2": 0x01161970, "OCFS2": 0x7461636f, "AFS": 0x5346414f, "unknown": 0,
	} {
		require.False(t, localType(magic), name)
	}
}

// A name without a lock, as on such file systems, can be closed like any other.
func TestNameWithoutLock(t *testing.T) {
	lock := &Lock{name: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	dead, err := Dead(t.TempDir(), lock.Name())
	require.NoError(t, err)
	require.False(t, dead)
	require.NoError(t, lock.Close())
}
