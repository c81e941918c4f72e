package migrate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
)

// keepBackup keeps the snapshot as a file of its own before anything on the target changes.
func (m *migration) keepBackup() error {
	if m.BackupDir == "" {
		return nil
	}
	if m.work.state.Backup == "" {
		if err := os.MkdirAll(m.BackupDir, 0o700); err != nil {
			return backupError(err)
		}
		base := filepath.Base(m.source)
		name := fmt.Sprintf("%s-%s-%s%s", strings.TrimSuffix(base, filepath.Ext(base)),
			m.work.state.Started.Format("20060102T150405Z"), m.work.state.ID, filepath.Ext(base))
		m.work.state.Backup = filepath.Join(m.BackupDir, name)
		if err := m.work.save(); err != nil {
			return err
		}
	}
	if err := linkOrCopy(m.snapshot.path, m.work.state.Backup); err != nil {
		return backupError(err)
	}
	m.report.Backup = m.work.state.Backup
	m.journal.info("the source is backed up in " + m.work.state.Backup)
	return nil
}

// dropBackup removes the backup of a run that has changed nothing.
func (m *migration) dropBackup() {
	if m.work.state.Backup != "" {
		_ = os.Remove(m.work.state.Backup) // it may not have been made yet
		m.report.Backup = ""
	}
}

func backupError(err error) error {
	return lakeward.Errorf(lakeward.KindInvalid, "name a folder that can be written to", "back up the source: %w", err)
}

// linkOrCopy gives a file a second name, or copies it where the other name is on another disk. A copy has its name only
// once it is complete.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) { // the run that was interrupted has made it
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to+".new"))
	}
	return os.Rename(to+".new", to)
}
