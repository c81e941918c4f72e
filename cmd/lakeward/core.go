package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// withoutCore keeps this process from leaving its memory in a file when it dies: there are tokens in it. A program that
// runs PostgreSQL itself cannot have that, because it reaches the servers by /proc/self, which the kernel closes as well.
func withoutCore() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep tokens out of core files: %w", err)
	}
	return nil
}
