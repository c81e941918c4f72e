package main

import (
	"fmt"
	"io"

	"github.com/lakeward/lakeward/internal/config"
)

type configCmd struct{}

// Run prints every value with the place it comes from, secrets hidden.
func (configCmd) Run(a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	settings := c.Settings()
	values := map[string]config.Value{}
	rows := [][]string{{"SETTING", "VALUE", "ORIGIN"}}
	for _, s := range settings {
		values[s.Name] = s.Value
		rows = append(rows, []string{s.Name, s.String(), s.Origin})
	}
	return a.print(values, func(w io.Writer) error {
		if err := table(w, rows); err != nil || c.Workspace.Kind != config.None {
			return err
		}
		_, err := fmt.Fprintln(w, "\nNo workspace is configured and no local Lakebase was started here. Start one with: lakeward up")
		return err
	})
}
