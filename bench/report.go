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
	for name, all := range results {
		for _, r := range all {
			if r.rows != rows {
				return fmt.Errorf("lakeward moved %d rows, and %s %d", rows, name, r.rows)
			}
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
	fmt.Printf("%d rows, %d MB of SQLite into PostgreSQL %s; %d processors, %d connections, medians of %d rounds\n\n",
		rows, info.Size()>>20, server, runtime.NumCPU(), jobs(), len(ours))
	fmt.Printf("%-52s %9s %10s %9s %12s %13s\n", "", "seconds", "rows/s", "peak MB", "own CPU s", "with server's")
	for _, w := range []way{endpoint, socket} {
		mine, floor := results["lakeward"+w.suffix()], results["floor"+w.suffix()]
		line("lakeward"+w.suffix()+", every row verified", wall(mine), rows, mine)
		line("lakeward"+w.suffix()+", without its verification", unproven(mine), rows, mine)
		line("floor"+w.suffix(), wall(floor), rows, floor)
	}
	line("pgloader over the socket, which verifies nothing", wall(theirs), rows, theirs)
	fmt.Println("\nOver TLS, with a token, through the local Lakebase's gate:")
	ratios(ours, results["floor"], theirs)
	fmt.Println("Over the unix socket, as pgloader:")
	ratios(results["lakeward over the socket"], results["floor over the socket"], theirs)
	fmt.Println("pgloader's settings: " + pgloaderSettings + ". Its source lacks the expression index, on which it crashes.")
	return nil
}

// unproven is the time without the verification.
func unproven(r []result) float64 { return wall(r) - phase(r, verification) }

// ratios prints what lakeward takes on one way beside the floor on it, and beside pgloader.
func ratios(ours, floor, theirs []result) {
	fmt.Printf("  lakeward with its plan, without its verification: %.2f times as fast as pgloader (with it %.2f times), in %.2f times\n"+
		"  the floor. Its verification takes %.2f times as long as its load, beside which it builds indexes.\n",
		wall(theirs)/unproven(ours), wall(theirs)/wall(ours), unproven(ours)/wall(floor), phase(ours, verification)/phase(ours, "load"))
	fmt.Printf("  lakeward's phases in seconds: %s; the floor's: %s.\n", phases(ours), phases(floor))
}

func line(name string, seconds float64, rows int64, r []result) {
	memory, own := "", ""
	if cpu(r) > 0 {
		memory, own = fmt.Sprintf("%.0f", peak(r)), fmt.Sprintf("%.1f", cpu(r))
	}
	fmt.Printf("%-52s %9.1f %10.0f %9s %12s %13.1f\n", name, seconds, float64(rows)/seconds, memory, own, all(r))
}

func wall(rs []result) float64 { return over(rs, func(r result) float64 { return r.wall.Seconds() }) }

func cpu(rs []result) float64 { return over(rs, func(r result) float64 { return r.cpu.Seconds() }) }

func all(rs []result) float64 { return over(rs, func(r result) float64 { return r.all.Seconds() }) }

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
