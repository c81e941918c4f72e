package proxy

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// The system calls of the loop do not tell the runtime about them. They take microseconds, and so often that what the runtime
// does about each (its monitor looks up to 50,000 times a second whether one takes long) was an eighth of all processor time.

// patience is how long the loop waits for something in this way, in milliseconds; an idle one waits in the runtime's way.
// What the runtime wants meanwhile, such as a collection of garbage, it asks for by a signal, which ends the waiting.
const patience = 1

// await waits for connections that have something, and returns how many it found.
func (l *loop) await(events []syscall.EpollEvent) int {
	if runtime.GOMAXPROCS(0) > 1 { // others have a processor meanwhile
		n, _, no := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])),
			uintptr(len(events)), patience, 0, 0)
		if no == 0 && n > 0 {
			return int(n)
		}
		if errors.Is(no, syscall.EINTR) {
			runtime.Gosched()
			return 0
		}
	}
	n, err := syscall.EpollWait(l.epoll, events, -1)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		panic(fmt.Sprintf("wait for connections: %v", err)) // its arguments are wrong
	}
	return max(n, 0)
}

// largePiece is what PostgreSQL and its clients send at once, and wait for nobody, when they have much to send.
const largePiece = 8 << 10

// gathering is how long the loop lets such pieces gather while it has nothing else to do. Each would cost a reading, a
// writing and an awakening of the client: a fourth of the processor time that the proxy and psql take for a COPY.
const gathering = 100 * time.Microsecond

func gather() {
	pause := syscall.NsecToTimespec(gathering.Nanoseconds())
	_ = syscall.Nanosleep(&pause, nil) // a signal may end it
}

// readNow reads what is there. ok is false when there is nothing, without being at the end.
func readNow(fd int, b []byte) (n int, ok bool, err error) {
	for {
		r, _, no := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch no {
		case 0:
			return int(r), true, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false, nil
		default:
			return 0, true, fmt.Errorf("read: %w", no)
		}
	}
}

// writeNow writes what the other side takes now.
func writeNow(fd int, b []byte) (n int, err error) {
	for n < len(b) {
		m, _, no := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[n])), uintptr(len(b)-n))
		switch no {
		case 0:
			n += int(m)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, fmt.Errorf("write: %w", no)
		}
	}
	return n, nil
}
