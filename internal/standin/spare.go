package standin

import (
	"errors"
	"os"
	"syscall"

	"github.com/lakeward/lakeward"
)

// A disk that is full must not keep the local Lakebase from saying so: how an operation has ended has to be written. So there
// is a file beside the state that holds nothing but room, and is given up for it.

const (
	spareSuffix = ".spare"
	spareSize   = 1 << 20
)

// save writes the state, if need be into the spare room.
func (s *store) save(text []byte) error {
	err := s.write(s.path, text, s.fast)
	if diskIsFull(err) && os.Remove(s.path+spareSuffix) == nil {
		err = s.write(s.path, text, s.fast)
	} else if err == nil {
		s.keepSpare()
	}
	if diskIsFull(err) {
		return lakeward.Errorf(lakeward.KindUnavailable, "free space on the disk that holds "+s.path+" and try again",
			"the disk is full: %w", err)
	}
	return err
}

func diskIsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// keepSpare makes the spare file unless it is there, or there is no room for it.
func (s *store) keepSpare() {
	path := s.path + spareSuffix
	if info, err := os.Stat(path); err == nil && info.Size() == spareSize {
		return
	}
	if err := os.WriteFile(path, make([]byte, spareSize), 0o600); err != nil {
		_ = os.Remove(path) // half a file is of half the use
	}
}
