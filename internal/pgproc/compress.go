package pgproc

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Compress replaces a segment in an archive by its compressed form. A segment that was closed early is a file with holes,
// which takes no more space than what was written to it.
func Compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	half := path + ".part-gz"
	out, err := os.OpenFile(half, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer os.Remove(half) // gone when all went well
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Sync(), out.Close(), handOver(half, info)); err != nil {
		return err
	}
	if err := os.Rename(half, path+compressed); err != nil {
		return err
	}
	return os.Remove(path)
}

// handOver gives a file to the owner of another one, whose PostgreSQL must be able to read it.
func handOver(path string, like fs.FileInfo) error {
	owner := like.Sys().(*syscall.Stat_t)
	if int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
