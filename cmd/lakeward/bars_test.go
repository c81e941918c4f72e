package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/lakeward/lakeward"
)

// openTerminal makes a terminal of the given width. What is written to tty can be read from screen.
func openTerminal(t *testing.T, width int) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: 24}); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

var control = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// show runs events through bars on a terminal and returns the lines that were drawn.
func show(t *testing.T, width int, events ...lakeward.Event) []string {
	t.Helper()
	screen, tty := openTerminal(t, width)
	drawn := make(chan string)
	go func() {
		all, _ := io.ReadAll(screen) // it ends with an error when the other side is closed
		drawn <- string(all)
	}()
	b := newBars(tty)
	for _, e := range events {
		b.event(e)
	}
	b.close()
	tty.Close()
	return strings.FieldsFunc(control.ReplaceAllString(<-drawn, "\n"), func(r rune) bool { return r == '\r' || r == '\n' })
}

func TestBars(t *testing.T) {
	t.Parallel()
	const table = "a_table_with_quite_a_long_name"
	events := []lakeward.Event{
		{Type: lakeward.EventPhase, Phase: "load", Message: "copy the rows"},
		{Type: lakeward.EventProgress, Phase: "load", Table: table, Done: 250_000, Total: 1_000_000},
		{Type: lakeward.EventWarning, Phase: "load", Table: "t", Message: "odd"},
		{Type: lakeward.EventDone, Phase: "load", Table: "t", Done: 1_000_000, Total: 1_000_000},
	}
	for _, width := range []int{24, 40, 100} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			lines := show(t, width, events...)
			all := strings.Join(lines, "\n")
			for _, want := range []string{"load      copy the rows", "warning   t: odd"} {
				if !strings.Contains(all, want) {
					t.Errorf("no line %q in:\n%s", want, all)
				}
			}
			var bars int
			for _, line := range lines {
				if strings.Contains(line, "%") {
					bars++
					if n := utf8.RuneCountInString(line); n > width {
						t.Errorf("a bar of %d columns in a window of %d: %q", n, width, line)
					}
				}
			}
			if bars == 0 {
				t.Errorf("no bar in:\n%s", all)
			}
		})
	}
}

func TestBarsEndInTheMiddle(t *testing.T) {
	t.Parallel()
	// It must come back although the bar is not full: an interrupted migration leaves it like that.
	show(t, 80, lakeward.Event{Type: lakeward.EventProgress, Phase: "load", Table: "t", Done: 1, Total: 10})
}
