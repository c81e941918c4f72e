package pgproc

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// release frees the shared memory that the servers of a data folder have left behind, none of which runs any more. A server
// that ends by itself leaves none. What a killed one leaves is freed by the next one in the folder, but a folder that is
// removed has no next one, and the kernel has room for 4096 segments by default.
//
// It does as PostgreSQL does (PGSharedMemoryCreate in sysv_shmem.c): the key of the segment is the inode of the folder, or one
// of the next where that was taken, and the segment says which folder it belongs to.
func release(folder fs.FileInfo) {
	of, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	const keys = 16
	for i := range uint32(keys) {
		key := int(int32(uint32(of.Ino) + i))
		if key == 0 {
			continue // it would make a new one
		}
		id, err := unix.SysvShmGet(key, 0, 0)
		if err != nil {
			continue
		}
		var about unix.SysvShmDesc
		if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &about); err != nil || about.Nattch > 0 {
			continue
		}
		header, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
		if err != nil {
			continue
		}
		control, own := readHeader(header, of)
		_ = unix.SysvShmDetach(header)
		if own {
			releaseDynamic(control)
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
	}
}

// readHeader reads a PGShmemHeader: the handle of the control segment of the dynamic shared memory, and whether it is the
// header of a folder.
func readHeader(b []byte, of *syscall.Stat_t) (control uint32, own bool) {
	const (
		magic     = 679834894
		atControl = 24
		atDevice  = 40
		atInode   = 48
		length    = 56
	)
	if len(b) < length || binary.NativeEndian.Uint32(b) != magic ||
		binary.NativeEndian.Uint64(b[atDevice:]) != of.Dev || binary.NativeEndian.Uint64(b[atInode:]) != of.Ino {
		return 0, false
	}
	return binary.NativeEndian.Uint32(b[atControl:]), true
}

// releaseDynamic removes the segments that a control segment lists, and itself (dsm_cleanup_using_control_segment in dsm.c).
func releaseDynamic(control uint32) {
	const (
		magic  = 0x9a503d32
		header = 16 // magic, how many there are, for how many there is room
		item   = 40 // begins with the handle, and for how many it is there
	)
	path := func(handle uint32) string { return fmt.Sprintf("/dev/shm/PostgreSQL.%d", handle) }
	b, err := os.ReadFile(path(control))
	if err != nil || len(b) < header || binary.NativeEndian.Uint32(b) != magic {
		return
	}
	used, room := uint64(binary.NativeEndian.Uint32(b[4:])), uint64(binary.NativeEndian.Uint32(b[8:]))
	if uint64(len(b)) == header+item*room && used <= room { // else it is a form that later versions have
		for i := range used {
			one := b[header+item*i:]
			if users := binary.NativeEndian.Uint32(one[4:]); users > 0 {
				_ = os.Remove(path(binary.NativeEndian.Uint32(one))) // it may be no file, but lie in the main segment
			}
		}
	}
	_ = os.Remove(path(control))
}
