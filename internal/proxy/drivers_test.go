package proxy_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/proxy"
)

const (
	jdbc = "/usr/share/java/postgresql.jar"
	node = "testdata/node/client.mjs"
)

// TestDrivers runs drivers of other languages through both modes. tools/setup.sh clients brings them.
func TestDrivers(t *testing.T) {
	t.Parallel()
	l := startLake(t)
	for _, mode := range []string{proxy.ModeSession, proxy.ModeTransaction} {
		t.Run(mode, func(t *testing.T) {
			p := l.start(t, func(r *proxy.RouteConfig) { r.Mode, r.PoolSize = mode, 3 })
			for name, command := range map[string][]string{
				"node-postgres": {"node", node},
				"JDBC":          {"java", "-cp", jdbc, "testdata/java/Client.java"},
				"SQLAlchemy":    {"/usr/bin/python3", "-c", sqlalchemy},
				"psycopg 3":     {"/usr/bin/python3", "-c", psycopg3, mode},
			} {
				t.Run(name, func(t *testing.T) {
					if out := p.tool(t, "", command[0], command[1:]...); !strings.HasSuffix(out, "ok\n") {
						t.Error(out)
					}
				})
			}
		})
	}
}

const sqlalchemy = `
from sqlalchemy import create_engine, text
from concurrent.futures import ThreadPoolExecutor
engine = create_engine("postgresql+psycopg2://", pool_size=6)
def work(i):
    with engine.begin() as c:
        c.execute(text("SET LOCAL statement_timeout TO '9s'"))
        assert c.execute(text("SELECT :n * 2"), {"n": i}).scalar() == 2 * i
with ThreadPoolExecutor(6) as e:
    list(e.map(work, range(60)))
print("ok")
`

const psycopg3 = `
import sys, psycopg
from concurrent.futures import ThreadPoolExecutor
def work(i):
    with psycopg.connect(autocommit=True, prepare_threshold=0) as c:
        for n in range(10):  # the driver prepares it at once
            assert c.execute("SELECT %s::int * 2", (n,)).fetchone()[0] == 2 * n
        with c.pipeline():
            answers = [c.execute("SELECT %s::int + 1", (n,)) for n in range(100)]
        assert [a.fetchone()[0] for a in answers] == list(range(1, 101))
        with c.transaction():
            c.execute("CREATE TEMP TABLE copied (i int, body text) ON COMMIT DROP")
            with c.cursor().copy("COPY copied FROM STDIN") as out:
                for n in range(1000):
                    out.write_row((n, "grün"))
            with c.cursor().copy("COPY copied TO STDOUT") as rows:
                assert sum(int(r[0]) for r in rows.rows()) == 499500
            with c.cursor("portions") as portions:
                portions.itersize = 100
                portions.execute("SELECT i FROM copied ORDER BY i")
                assert [r[0] for r in portions] == list(range(1000))
with ThreadPoolExecutor(6) as e:
    list(e.map(work, range(6)))
if sys.argv[1] == "session":
    with psycopg.connect(autocommit=True) as listener, psycopg.connect(autocommit=True) as sender:
        listener.execute("LISTEN news")
        sender.execute("SELECT pg_notify('news', 'hello')")
        assert next(listener.notifies()).payload == "hello"
print("ok")
`

// TestDriversAreThere says what is missing before other tests fail for it.
func TestDriversAreThere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{jdbc, "testdata/node/node_modules/pg"} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("run tools/setup.sh clients: %v", err)
		}
	}
	for _, program := range []string{"java", "node"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Errorf("run tools/setup.sh clients: %v", err)
		}
	}
}
