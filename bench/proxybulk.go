package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// copyThrough measures a COPY by psql, whose input is what the server would read.
func copyThrough(query string) func(context.Context, proxyWay) (float64, float64, error) {
	return func(ctx context.Context, w proxyWay) (float64, float64, error) {
		cmd := exec.CommandContext(ctx, "psql", "-Xqc", "CREATE TEMP TABLE bulk (line text)", "-c", query, w.dsn)
		cmd.Stdin = io.LimitReader(bulkLines{}, proxyBulk)
		before, start := processorSeconds(w.pid), time.Now()
		if err := cmd.Run(); err != nil {
			return 0, 0, fmt.Errorf("copy: %w", err)
		}
		const done = proxyBulk / 1e6
		return done / time.Since(start).Seconds(), (processorSeconds(w.pid) - before) / done, nil
	}
}

// bulkLines reads as lines of 128 bytes without end, for whoever reads in multiples of that.
type bulkLines struct{}

func (bulkLines) Read(b []byte) (int, error) { return copy(b, manyLines), nil }

var manyLines = strings.Repeat(strings.Repeat("x", 127)+"\n", 256)
