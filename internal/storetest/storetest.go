// Package storetest opens stores for tests: each test of what stands on a store runs on both kinds.
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
)

// OnBoth runs a test on a store in a file and on one in PostgreSQL, at the same time. The options open the same store each
// time. The package's TestMain is [pgtest.Main].
func OnBoth(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, InFile(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, InPostgres(t))
	})
}

// InFile are the options of a new store in a file, whose name says that any name will do.
func InFile(t testing.TB) store.Options {
	return store.Options{Path: filepath.Join(t.TempDir(), "what? a 50% #store.db")}
}

// InPostgres are the options of a new store in PostgreSQL.
func InPostgres(t testing.TB) store.Options {
	return store.Options{DSN: pgtest.DB(t), KeyFile: filepath.Join(t.TempDir(), "key")}
}

// Open opens a store until the test ends.
func Open(t testing.TB, o store.Options) *store.Store {
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
