package main

import (
	"fmt"
	"os"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/lakeward/lakeward"
)

// bars shows a bar for each table that is being worked on, and what happens as lines above them. A table that is
// finished makes room: on a terminal, what goes on matters, and the report tells of every table.
type bars struct {
	out      *os.File
	progress *mpb.Progress
	running  map[string]*mpb.Bar // by phase and table
}

func newBars(out *os.File) *bars {
	return &bars{out: out, progress: mpb.New(mpb.WithOutput(out)), running: map[string]*mpb.Bar{}}
}

func (b *bars) event(e lakeward.Event) {
	key := e.Phase + "\x00" + e.Table
	switch e.Type {
	case lakeward.EventProgress:
		b.move(key, e)
		return
	case lakeward.EventPhase:
		b.clear()
	case lakeward.EventDone:
		if bar := b.running[key]; bar != nil {
			bar.Abort(true)
			delete(b.running, key)
		}
		return
	}
	if text := eventLine(e); text != "" {
		fmt.Fprintln(b.progress, text)
	}
}

func (b *bars) move(key string, e lakeward.Event) {
	bar := b.running[key]
	if bar == nil {
		bar = b.add(e)
		b.running[key] = bar
	}
	bar.SetTotal(max(e.Total, e.Done), false)
	bar.SetCurrent(e.Done)
}

// wide is the number of columns from which a bar has room for its counters.
const wide = 60

func (b *bars) add(e lakeward.Event) *mpb.Bar {
	width, _, err := term.GetSize(int(b.out.Fd()))
	if err != nil {
		width = 80
	}
	name := e.Table
	if name == "" {
		name = e.Phase
	}
	room := max(8, min(24, width/3))
	name = runewidth.FillRight(runewidth.Truncate(name, room, "…"), room)
	after := []decor.Decorator{decor.Percentage(decor.WC{W: 5})}
	if width >= wide && e.Phase != "snapshot" { // which counts pages
		after = append(after, decor.CountersNoUnit("  %d of %d rows"))
	}
	return b.progress.New(e.Total, mpb.BarStyle().Lbound(" ").Filler("█").Tip("█").Padding("░").Rbound(" "),
		mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(name)), mpb.AppendDecorators(after...))
}

func (b *bars) clear() {
	for key, bar := range b.running {
		bar.Abort(true)
		delete(b.running, key)
	}
}

// close ends the display, also in the middle of the work.
func (b *bars) close() {
	b.clear()
	b.progress.Wait()
}
