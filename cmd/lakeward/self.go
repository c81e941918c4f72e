package main

import (
	"os"
	"os/exec"
)

// program is how a person calls this program, for the commands that they are shown: by its bare name where the shell
// finds it.
func program() string {
	self, err := os.Executable()
	if err != nil {
		return "lakeward"
	}
	found, err := exec.LookPath("lakeward")
	if err != nil {
		return os.Args[0]
	}
	a, errA := os.Stat(self)
	b, errB := os.Stat(found)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return "lakeward"
	}
	return os.Args[0]
}
