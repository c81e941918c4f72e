package store_test

import (
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
