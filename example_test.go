package lakeward_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// An application opens its workspace and a pool once, and queries.
func Example() {
	ctx := context.Background()
	ws, err := databricks.Open(ctx, databricks.Config{}) // DATABRICKS_… variables, or a profile
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := lakeward.NewConnector(ws, "shop", lakeward.ConnectOptions{Schema: "orders"}).Pool(ctx)
	if err != nil {
		fmt.Println(err, "→", lakeward.HintOf(err))
		return
	}
	defer pool.Close()

	var open int
	if err := pool.QueryRow(ctx, "SELECT count(*) FROM orders WHERE shipped IS NULL").Scan(&open); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(open, "orders to ship")
}

// Programs on database/sql get a *sql.DB.
func ExampleConnector_DB() {
	ctx := context.Background()
	ws, err := databricks.Open(ctx, databricks.Config{Profile: "production"})
	if err != nil {
		fmt.Println(err)
		return
	}
	db := lakeward.NewConnector(ws, "shop", lakeward.ConnectOptions{}).DB()
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		fmt.Println(err)
	}
}

// A program in another language, or psql, gets the token itself: a Rotator keeps it fresh.
func ExampleRotator() {
	ctx := context.Background()
	ws, err := databricks.Open(ctx, databricks.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	instance, err := ws.Instance(ctx, "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	rotator := lakeward.NewRotator(ws, instance, lakeward.RotatorOptions{})
	credential, err := rotator.Credential(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile("/run/app/token", []byte(credential.Token.Reveal()), 0o600); err != nil {
		fmt.Println(err)
	}
}

// A secret does not show itself.
func ExampleSecret() {
	c := lakeward.Credential{User: "ada@example.com", Token: "eyJhbGciOi"}
	fmt.Println(c.User, c.Token)
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})).Info("login", "token", c.Token)
	// Output:
	// ada@example.com [secret]
	// level=INFO msg=login token=[secret]
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// An error says what can be done about it: its kind to the program, its hint to a person.
func ExampleKindOf() {
	err := fmt.Errorf("load settings: %w", lakeward.Errorf(lakeward.KindUnavailable,
		"lakeward instance start shop", "instance %s is stopped", "shop"))
	switch lakeward.KindOf(err) {
	case lakeward.KindUnavailable, lakeward.KindThrottled:
		fmt.Println("try later:", err)
	default:
		fmt.Println("give up:", err)
	}
	fmt.Println("→", lakeward.HintOf(err))
	// Output:
	// try later: load settings: instance shop is stopped
	// → lakeward instance start shop
}
