package pgtool

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestPasswordsStayOutOfArguments(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://app%40x:s3cr%20et@db.example.com:6543/shop?sslmode=require&pool_max_conns=5",
		"postgresql://db.example.com:6543/shop?user=app@x&password=s3cr%20et&sslmode=require",
	} {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		address := Address(config)
		want := "postgresql:///shop?application_name=lakeward&host=db.example.com&port=6543&sslmode=require&user=app%40x"
		if address != want {
			t.Errorf("%s", address)
		}
		if !slices.Contains(environment(config.Password), "PGPASSWORD=s3cr et") {
			t.Error("the password is not in the environment")
		}
	}
}
