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
