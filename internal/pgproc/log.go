package pgproc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// The log of the data folder D is the file D.log, and D.log.1 before that.
const (
	logSuffix    = ".log"
	oldLogSuffix = ".1"
)

// maxLog bounds the log file; one older file of the same size is kept beside it.
const maxLog = 4 << 20

// serverLog copies a server's output to a file that does not outgrow maxLog, and remembers the last lines: they explain
// why a server did not start.
type serverLog struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	tail []string
}

func openLog(path string) (*serverLog, error) {
	l := &serverLog{path: path}
	return l, l.open()
}

func (l *serverLog) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// copy reads lines until the last process that holds the other end has ended. It never stops reading early: a server
// whose output nobody reads would block.
func (l *serverLog) copy(r io.Reader) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			l.add(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// add writes one line. A log that cannot be written, on a full disk for example, must not stop the server; the tail
// still has what matters.
func (l *serverLog) add(line []byte) {
	const remembered = 30
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, string(line))
	if len(l.tail) > remembered {
		l.tail = l.tail[1:]
	}
	if l.size+int64(len(line)) > maxLog {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(line)
		l.size += int64(n)
	}
}

func (l *serverLog) rotate() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
	if os.Rename(l.path, l.path+oldLogSuffix) == nil {
		_ = l.open() // failing leaves no file, and add goes without
	}
}

// reason returns the line that explains the server's end.
func (l *serverLog) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return decisive(l.tail)
}

func (l *serverLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
