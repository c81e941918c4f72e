package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/lakeward/lakeward"
)

// verification is the phase of lakeward that pgloader has no counterpart of.
const verification = "verify"

// report prints the medians. It refuses to compare tools that moved different numbers of rows.
func report(ctx context.Context, p *place, source string, results map[string][]result) error {
	ours, theirs := results["lakeward"], results["pgloader"]
	rows := ours[0].rows
	for _, r := range append(ours[1:len(ours):len(ours)], theirs...) {
		if r.rows != rows {
			return fmt.Errorf("one tool moved %d rows and another %d", rows, r.rows)
		}
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("measure source: %w", err)
	}
	server, err := p.version(ctx)
	if err != nil {
		return err
	}
	mine, its := wall(ours), wall(theirs)
	verify := phase(ours, verification)
	fmt.Printf("%d rows, %d MB of SQLite into PostgreSQL %s; %d processors, medians of %d rounds\n\n",
		rows, info.Size()>>20, server, runtime.NumCPU(), len(ours))
	fmt.Printf("%-36s %9s %10s %9s %14s\n", "", "seconds", "rows/s", "peak MB", "its own CPU s")
	line("lakeward, every row verified", mine, rows, ours)
	line("lakeward, without its verification", mine-verify, rows, ours)
	line("pgloader, which verifies nothing", its, rows, theirs)
	fmt.Printf("\nlakeward is %.2f times as fast as pgloader with its verification, %.2f times without, in %.0f %% of its memory.\n",
		its/mine, its/(mine-verify), 100*peak(ours)/peak(theirs))
	fmt.Printf("lakeward's phases in seconds: %s.\n", phases(ours))
	fmt.Println("lakeward went over TLS and through the local Lakebase's gate with a token, pgloader over the unix socket.")
	fmt.Println("pgloader's settings: " + pgloaderSettings + ".")
	return nil
}

func line(name string, seconds float64, rows int64, r []result) {
	fmt.Printf("%-36s %9.1f %10.0f %9.0f %14.1f\n", name, seconds, float64(rows)/seconds, peak(r), cpu(r))
}

func wall(rs []result) float64 { return over(rs, func(r result) float64 { return r.wall.Seconds() }) }

func cpu(rs []result) float64 { return over(rs, func(r result) float64 { return r.cpu.Seconds() }) }

func peak(rs []result) float64 {
	return over(rs, func(r result) float64 { return float64(r.peak) / (1 << 20) })
}

func phase(rs []result, name string) float64 {
	return over(rs, func(r result) (seconds float64) {
		for _, p := range r.phases {
			if p.Name == name {
				seconds += p.Seconds
			}
		}
		return seconds
	})
}

// phases lists the medians of all phases in their order.
func phases(rs []result) string {
	var list []string
	for _, p := range rs[0].phases {
		list = append(list, fmt.Sprintf("%s %.1f", p.Name, phase(rs, p.Name)))
	}
	return strings.Join(list, ", ")
}

// over is the median of a figure.
func over(rs []result, figure func(result) float64) float64 {
	var values []float64
	for _, r := range rs {
		values = append(values, figure(r))
	}
	return median(values)
}

func (p *place) version(ctx context.Context) (version string, err error) {
	conn, err := p.connect(ctx, lakeward.DefaultDatabase)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.current_setting('server_version')").Scan(&version); err != nil {
		return "", fmt.Errorf("ask for the server's version: %w", err)
	}
	return version, nil
}
