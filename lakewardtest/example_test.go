package lakewardtest_test

import (
	"testing"

	"github.com/lakeward/lakeward/lakewardtest"
)

// A test of code that takes a pool.
func Example() {
	var t *testing.T // of the test

	lakebase := lakewardtest.Start(t)
	pool, err := lakebase.Instance(t, "shop").Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "CREATE TABLE orders (id bigint PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}

	lakebase.ExpireTokens(t) // the pool goes on without noticing
	if err := pool.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
