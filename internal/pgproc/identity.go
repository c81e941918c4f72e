package pgproc

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// A server's identifier stands in its control file and in the first page of each file of its write-ahead log; standbys,
// archives and base copies compare it. PostgreSQL writes both in the machine's byte order.

// renew gives the cold data folder dir a new identifier, as pg_createsubscriber does; pg_resetwal, which makes the log
// anew and takes as long as a start, is not needed for that.
func renew(dir string) error {
	path := filepath.Join(dir, "global", "pg_control")
	control, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum, err := checksumIn(control)
	if err != nil {
		return err
	}
	old := bytes.Clone(control[:8])
	binary.NativeEndian.PutUint64(control, newIdentifier())
	binary.NativeEndian.PutUint32(control[sum:], crc32.Checksum(control[:sum], castagnoli))
	if err := renewLog(dir, old, control[:8]); err != nil {
		return err
	}
	return os.WriteFile(path, control, 0o600)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumIn finds the checksum that ends the control file's struct. How long that is differs between versions, but the
// checksum proves itself.
func checksumIn(control []byte) (offset int, err error) {
	const shortest, longest = 128, 512 // PostgreSQL guarantees that it fits into a sector
	for n := shortest; n+4 <= min(longest, len(control)); n += 4 {
		if binary.NativeEndian.Uint32(control[n:]) == crc32.Checksum(control[:n], castagnoli) {
			return n, nil
		}
	}
	return 0, errors.New("the control file is damaged")
}

// newIdentifier makes an identifier as initdb does, from the time, and random where initdb has the process: one process
// makes many.
func newIdentifier() uint64 {
	var tail [2]byte
	_, _ = rand.Read(tail[:]) // never fails
	now := time.Now()
	return uint64(now.Unix())<<32 | uint64(now.Nanosecond()/1000)<<12 | uint64(binary.NativeEndian.Uint16(tail[:])&0xfff)
}

// renewLog puts the identifier into the files of the log that carry the old one. One that was made in advance is empty.
func renewLog(dir string, old, identifier []byte) error {
	const place = 24 // of XLogLongPageHeaderData.xlp_sysid
	segments, err := filepath.Glob(filepath.Join(dir, "pg_wal", "[0-9A-F]*[0-9A-F]"))
	if err != nil {
		return err
	}
	changed := 0
	for _, path := range segments {
		is, err := renewSegment(path, place, old, identifier)
		if err != nil {
			return err
		}
		if is {
			changed++
		}
	}
	if changed == 0 {
		return fmt.Errorf("no file of the log in %s has the identifier of its server", dir)
	}
	return nil
}

func renewSegment(path string, place int64, old, identifier []byte) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	found := make([]byte, len(old))
	if _, err := f.ReadAt(found, place); err != nil {
		return false, err
	}
	if !bytes.Equal(found, old) {
		return false, nil
	}
	_, err = f.WriteAt(identifier, place)
	return err == nil, err
}
