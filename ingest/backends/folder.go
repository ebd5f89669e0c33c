package backends

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// prepare creates the data folder, and checks that it can be written to, so that one that
// can't is an error now, not a refused payload later.
func prepare(folder string, log *slog.Logger) error {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", folder, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil { // health records
		return fmt.Errorf("data folder %s can't be made: %w", abs, err)
	}
	info, err := os.Stat(abs)
	if err == nil && runtime.GOOS != "windows" {
		switch mode := info.Mode(); {
		case mode&(0o002|os.ModeSticky) == 0o002:
			return fmt.Errorf("everyone may write to the data folder %s, also over what is in it: run chmod 700 on it", abs)
		case mode.Perm()&0o007 != 0: // it may be a mounted volume, and not ours to change
			log.Warn("other users can list the data folder, though not read what is in it; run chmod 700 on it", "folder", abs, "mode", fmt.Sprintf("%#o", mode.Perm()))
		}
	}
	probe, err := os.CreateTemp(abs, ".probe-*")
	if err != nil {
		return fmt.Errorf("data folder %s can't be written to: %w", abs, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("data folder %s can't be written to: %w", abs, err)
	}
	return nil
}
