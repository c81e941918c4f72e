package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// print shows a command's result: value as one JSON object, or what text writes.
func (a *app) print(value any, text func(w io.Writer) error) error {
	if a.json {
		return a.printJSON(value)
	}
	return text(a.stdout)
}

func (a *app) printJSON(value any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

// table writes rows in aligned columns, the first one as the heading.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

// fields writes labelled values, one a line, the empty ones left out.
func fields(w io.Writer, pairs ...string) error {
	var rows [][]string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			rows = append(rows, []string{pairs[i], pairs[i+1]})
		}
	}
	return table(w, rows)
}

// count writes a number with its thousands apart: 52,310.
func count(n int64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	digits := strconv.FormatInt(n, 10)
	first := len(digits) % 3
	parts := make([]string, 0, 7)
	if first > 0 {
		parts = append(parts, digits[:first])
	}
	for i := first; i < len(digits); i += 3 {
		parts = append(parts, digits[i:i+3])
	}
	return strings.Join(parts, ",")
}

// plural writes a number with its noun: "1 row", "2 rows".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// seconds writes a duration as a person would say it.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
