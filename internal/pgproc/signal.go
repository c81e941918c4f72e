package pgproc

import (
	"errors"
	"os"
	"syscall"
)

// Signal sends a signal to every process of the server, as the world outside may at any time.
func (s *Server) Signal(signal syscall.Signal) error {
	all, err := processes(s.config.Dir, s.folder)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range all {
		if err := p.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
		_ = p.Release() // no error on unix
	}
	return errors.Join(errs...)
}
