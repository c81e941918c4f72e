package store_test

import (
	"path/filepath"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on a store in a file and on one in PostgreSQL. The options open the same store each time.
func onBoth(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, store.Options{Path: filepath.Join(t.TempDir(), "what? a 50% #store.db")})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, store.Options{DSN: pgtest.DB(t), KeyFile: filepath.Join(t.TempDir(), "key")})
	})
}

func open(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
