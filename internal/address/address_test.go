package address_test

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/address"
)

const password = "hunter-two-2"

// TestPasswordsAreTakenOut shows addresses in all forms. Those of a PostgreSQL that are kept are the same, or refused.
func TestPasswordsAreTakenOut(t *testing.T) {
	t.Parallel()
	const refused = "postgres://***"
	for given, want := range map[string]string{
		"":                                 "",
		"/data/shop.db":                    "/data/shop.db",
		"/data/a=b c.db":                   "/data/a=b c.db",
		"postgres://host/db":               "postgres://host/db",
		"postgres://host":                  "postgres://host",
		"postgres:///db?host=/run":         "postgres:///db?host=/run",
		"postgres://ann@host/db":           "postgres://ann@host/db",
		"postgres://ann:PW@host/db":        "postgres://ann@host/db",
		"postgresql://ann:PW@host:5/db":    "postgresql://ann@host:5/db",
		"postgres://ann:PW@host?sslmode=a": "postgres://ann@host?sslmode=a",
		"postgres://:PW@host/db":           "postgres://@host/db",
		"postgres://h/db?user=a&password=PW&sslmode=b": "postgres://h/db?user=a&sslmode=b",
		"postgres://h/db?sslpassword=PW":               "postgres://h/db",
		"postgres://h/db?Password=PW&a=b%20c":          "postgres://h/db?a=b%20c",
		"postgres://h/db?pass%77ord=PW&a=b":            "postgres://h/db?a=b",
		"postgres://h/db?passfile=/root/PW":            "postgres://h/db",
		"postgres://h/db?a=%zzPW&b=c":                  "postgres://h/db?b=c",
		"postgres://h/db?a=b;password=PW&b=c":          "postgres://h/db?b=c",
		"postgres://ann:x@PW@host/db":                  "postgres://ann@host/db",
		"postgres://ann:PW/x@host/db":                  refused,
		"postgres://ann:1/PW@host/db":                  refused,
		"postgres://ann:1?PW@host/db":                  refused,
		"postgres://ann:1#PW@host/db":                  refused,
		"postgres://ann:%zzPW@host/db":                 refused,
		"postgres://ann:PW@host:port/db":               refused,
		"postgres://ann:PW@one:1,two:2/db?target=x":    "postgres://ann@one:1,two:2/db?target=x",

		"host=h user=ann password=PW dbname=d":             "host=h user=ann password=*** dbname=d",
		"host=h password = 'a \\' PW' dbname=d":            "host=h password = *** dbname=d",
		"PASSWORD=PW":                                      "PASSWORD=***",
		"host=h sslpassword=PW":                            "host=h sslpassword=***",
		"host=h password='PW is not closed":                "host=h password=***",
		"host=h password=PW://x":                           "host=h password=***",
		"jdbc:postgresql://host/db?user=ann&password=PW&x": "jdbc:postgresql://host/db?user=ann&x",
	} {
		given, want = strings.ReplaceAll(given, "PW", password), strings.ReplaceAll(want, "PW", password)
		if got := address.Shown(given); got != want || strings.Contains(got, password) {
			t.Errorf("%s is shown as %s, want %s", given, got, want)
		}
		if !address.IsPostgres(given) {
			want = given // whoever keeps it has to refuse what is no file
		}
		got, err := address.WithoutPassword(given)
		if want == refused {
			if err == nil || strings.Contains(err.Error(), password) {
				t.Errorf("%s is kept as %s, or refused with its password: %v", given, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%s is kept as %s (%v), want %s", given, got, err, want)
		}
	}
}

func TestTheSameDatabaseIsKnownAgain(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"postgres://ann:a@h/db?x=y", "postgres://ann@h/db?password=b", "postgres://ann@h/db"} {
		if got := address.Database(given); got != "postgres://ann@h/db" {
			t.Errorf("%s is the database %s", given, got)
		}
	}
}
