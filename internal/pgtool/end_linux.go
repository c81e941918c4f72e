package pgtool

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithUs has the program end when this process is killed: a restore that went on by itself would be in the way of the
// next one. The kernel sends the signal when the thread that has started the program ends, which must be kept until the
// program has ended: by calling what is returned then.
func endWithUs(cmd *exec.Cmd) func() {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return runtime.UnlockOSThread
}
