package dirblob

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const (
	raceFolder  = "FHIRDOCK_RACE_FOLDER"  // the bucket's
	raceName    = "FHIRDOCK_RACE_NAME"    // of the process
	raceWriters = "FHIRDOCK_RACE_WRITERS" // in the process
	raceBatch   = 50                      // keys per start
)

// Of 32 writers that race to create an object exactly one wins, and the object is the
// winner's, whether they are in one process or in several.
//
// For a longer run:
//
//	FHIRDOCK_CREATE_RACES=100000 go test -run TestCreateOnlyRaces -v -timeout 1h ./blobstore/dirblob
func TestCreateOnlyRaces(t *testing.T) {
	keys := envInt(t, "FHIRDOCK_CREATE_RACES", 500)
	for _, processes := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d processes", processes), func(t *testing.T) {
			dir := t.TempDir()
			b, err := openOn(unsynced{}, dir, nil)
			require.NoError(t, err)
			bucket := blob.NewBucket(b)
			defer bucket.Close()
			racers := make([]*racer, processes)
			for i := range racers {
				racers[i] = startRacer(t, dir, i, 32/processes)
			}
			wins := make([]int, processes)
			for from := 0; from < keys/2; from += raceBatch {
				for _, r := range racers {
					_, err := fmt.Fprintln(r.start, from)
					require.NoError(t, err)
				}
				winner := map[string]string{}
				for i, r := range racers {
					for r.out.Scan() && r.out.Text() != "done" {
						var key, name string
						_, err := fmt.Sscanf(r.out.Text(), "won %s %s", &key, &name)
						require.NoError(t, err, r.out.Text())
						require.Empty(t, winner[key], "two won %s", key)
						winner[key] = name
						wins[i]++
					}
					require.Equal(t, "done", r.out.Text())
				}
				require.Len(t, winner, raceBatch, "each key has a winner")
				for key, name := range winner {
					content, err := bucket.ReadAll(t.Context(), key)
					require.NoError(t, err)
					require.Equal(t, name, string(content))
					attrs, err := bucket.Attributes(t.Context(), key)
					require.NoError(t, err)
					require.Equal(t, name, attrs.Metadata["writer"], "attributes and content are from the same write")
				}
				require.Len(t, files(t, dir), 2*raceBatch, "the losers leave nothing")
				require.NoError(t, os.RemoveAll(filepath.Join(dir, fmt.Sprint(from))))
			}
			t.Logf("%d keys, 32 writers, one winner each; of each process: %v", keys/2, wins)
		})
	}
}

// racer is a process that races.
type racer struct {
	start *os.File
	out   *bufio.Scanner
}

func startRacer(t *testing.T, dir string, n, writers int) *racer {
	cmd := exec.Command(os.Args[0], "-test.run=^TestRacer$", "-test.timeout=2h")
	cmd.Env = append(os.Environ(), raceFolder+"="+dir, raceName+"="+strconv.Itoa(n), raceWriters+"="+strconv.Itoa(writers))
	cmd.Stderr = os.Stderr
	in, start, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdin = in
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, in.Close())
	t.Cleanup(func() {
		_ = start.Close() // ends the process
		_ = cmd.Wait()
	})
	return &racer{start: start, out: bufio.NewScanner(out)}
}

// TestRacer is a process of TestCreateOnlyRaces. It races for a batch of keys on each
// start.
func TestRacer(t *testing.T) {
	dir := os.Getenv(raceFolder)
	if dir == "" {
		t.Skip("run by TestCreateOnlyRaces")
	}
	b, err := openOn(unsynced{}, dir, &Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	bucket := blob.NewBucket(b)
	defer bucket.Close()
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		var lines []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for w := range envInt(t, raceWriters, 0) {
			name := os.Getenv(raceName) + "-" + strconv.Itoa(w)
			wg.Go(func() {
				<-begin
				for i := range raceBatch {
					key := fmt.Sprintf("%s/%d/object.bin", commands.Text(), i)
					opts := createOnly()
					opts.Metadata = map[string]string{"writer": name}
					line := ""
					switch err := bucket.WriteAll(context.Background(), key, []byte(name), opts); {
					case err == nil:
						line = fmt.Sprintf("won %s %s", key, name)
					case gcerrors.Code(err) != gcerrors.FailedPrecondition:
						line = strings.ReplaceAll(err.Error(), "\n", " ")
					}
					if line != "" {
						mu.Lock()
						lines = append(lines, line)
						mu.Unlock()
					}
				}
			})
		}
		close(begin)
		wg.Wait()
		fmt.Println(strings.Join(append(lines, "done"), "\n"))
	}
}
