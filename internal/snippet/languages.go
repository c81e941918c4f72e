package snippet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/lakeward/lakeward"
)

const tokenNote = "A token is good for logins for about an hour; a connection that is open outlives it."

func (w writer) throughProxy() Snippet {
	return Snippet{
		ID: "proxy", Title: "Through the proxy", Language: "shell",
		Note: "For every language and driver: the proxy logs in with fresh tokens, and the address never expires.",
		Text: w.proxyCommand() + "\n\n# in the application's environment\nDATABASE_URL=" + shell(w.proxyDSN()) + "\n",
	}
}

func (w writer) psql() Snippet {
	return Snippet{
		ID: "psql", Title: "psql", Language: "shell",
		Note: tokenNote + " `lakeward psql " + w.name + "` does the same in one step. A libpq older than 16 wants a file in place of sslrootcert=system.",
		Text: "PGPASSWORD=$(lakeward token " + shell(w.name) + ") psql " + shell(w.keywords()) + "\n",
	}
}

// keywords are the address in the form that libpq reads with the fewest surprises.
func (w writer) keywords() string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	word := func(s string) string {
		if s != "" && !strings.ContainsAny(s, ` '\`) {
			return s
		}
		return "'" + escape.Replace(s) + "'"
	}
	return fmt.Sprintf("host=%s port=%d dbname=%s user=%s sslmode=verify-full sslrootcert=%s",
		word(w.host), w.port, word(w.database), word(w.user), word(w.roots))
}

func (w writer) golang() Snippet {
	var fields []string
	if w.Database != "" {
		fields = append(fields, "Database: "+text(w.Database))
	}
	if w.port != lakeward.DefaultPort {
		fields = append(fields, "Port: "+strconv.Itoa(w.port))
	}
	if w.RootCAs != "" {
		fields = append(fields, "RootCAs: "+text(w.RootCAs))
	}
	return Snippet{
		ID: "go", Title: "Go", Language: "go",
		Note: "The library mints and replaces the tokens. The workspace comes from DATABRICKS_HOST and its like, or from a profile.",
		Text: `import (
	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

workspace, err := databricks.Open(ctx, databricks.Config{})
if err != nil {
	return err
}
connector := lakeward.NewConnector(workspace, ` + text(w.name) + `, lakeward.ConnectOptions{` + strings.Join(fields, ", ") + `})
pool, err := connector.Pool(ctx) // or connector.DB() for database/sql
`,
	}
}

// mint is how Python gets a token from the workspace.
func (w writer) mint() string {
	if w.Instance.Endpoint != "" {
		return "workspace.postgres.generate_database_credential(endpoint=" + text(w.Instance.Endpoint) + ").token"
	}
	return "workspace.database.generate_database_credential(request_id=str(uuid.uuid4()), instance_names=[" + text(w.name) + "]).token"
}

// imports are what mint needs.
func (w writer) imports() string {
	if w.Instance.Endpoint != "" {
		return "from databricks.sdk import WorkspaceClient\n"
	}
	return "import uuid\n\nfrom databricks.sdk import WorkspaceClient\n"
}

func (w writer) sqlalchemy() Snippet {
	return Snippet{
		ID: "sqlalchemy", Title: "SQLAlchemy", Language: "python",
		Note: "pip install databricks-sdk sqlalchemy 'psycopg[binary]'. Each new connection of the pool logs in with a fresh token.",
		Text: w.imports() + `from sqlalchemy import URL, create_engine, event

workspace = WorkspaceClient()
engine = create_engine(
    URL.create(
        "postgresql+psycopg",
        username=` + text(w.user) + `,
        host=` + text(w.host) + `,
        port=` + strconv.Itoa(w.port) + `,
        database=` + text(w.database) + `,
    ),
    connect_args={"sslmode": "verify-full", "sslrootcert": ` + text(w.roots) + `},
    pool_size=5,
    pool_recycle=1800,
)


@event.listens_for(engine, "do_connect")
def fresh_token(dialect, record, args, params):
    params["password"] = ` + w.mint() + `
`,
	}
}

func (w writer) django() Snippet {
	return Snippet{
		ID: "django", Title: "Django", Language: "python",
		Note: "pip install databricks-sdk 'psycopg[binary]'. The first part is a file base.py in a package called lakebase beside the project.",
		Text: "# lakebase/base.py\n" + w.imports() + `from django.db.backends.postgresql import base

workspace = WorkspaceClient()


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        params = super().get_connection_params()
        params["password"] = ` + w.mint() + `
        return params


# settings.py
DATABASES = {
    "default": {
        "ENGINE": "lakebase",
        "HOST": ` + text(w.host) + `,
        "PORT": ` + strconv.Itoa(w.port) + `,
        "NAME": ` + text(w.database) + `,
        "USER": ` + text(w.user) + `,
        "OPTIONS": {"sslmode": "verify-full", "sslrootcert": ` + text(w.roots) + `},
        "CONN_MAX_AGE": 1800,
    }
}
`,
	}
}

func (w writer) node() Snippet {
	path, request := "/api/2.0/database/credentials", "{ request_id: crypto.randomUUID(), instance_names: ["+text(w.name)+"] }"
	if w.Instance.Endpoint != "" {
		path, request = "/api/2.0/postgres/credentials", "{ endpoint: "+text(w.Instance.Endpoint)+" }"
	}
	files, ssl := "", "true"
	if w.RootCAs != "" {
		files, ssl = "import { readFileSync } from \"node:fs\";\n", "{ ca: readFileSync("+text(w.RootCAs)+") }"
	}
	return Snippet{
		ID: "node", Title: "Node.js", Language: "javascript",
		Note: "npm install pg. The pool asks for a token at each new connection. DATABRICKS_TOKEN is a personal access token or one of OAuth.",
		Text: files + `import pg from "pg";

async function token() {
  const response = await fetch(process.env.DATABRICKS_HOST + "` + path + `", {
    method: "POST",
    headers: { Authorization: "Bearer " + process.env.DATABRICKS_TOKEN, "Content-Type": "application/json" },
    body: JSON.stringify(` + request + `),
  });
  if (!response.ok) throw new Error("no token: " + response.status + " " + (await response.text()));
  return (await response.json()).token;
}

const pool = new pg.Pool({
  host: ` + text(w.host) + `,
  port: ` + strconv.Itoa(w.port) + `,
  database: ` + text(w.database) + `,
  user: ` + text(w.user) + `,
  password: token,
  ssl: ` + ssl + `,
  max: 5,
  maxLifetimeSeconds: 1800,
});
`,
	}
}

func (w writer) jdbc() Snippet {
	trust := "&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"
	if w.RootCAs != "" {
		trust = "&sslmode=verify-full&sslrootcert=" + url.QueryEscape(w.RootCAs)
	}
	database := url.PathEscape(w.database)
	direct := fmt.Sprintf("jdbc:postgresql://%s:%d/%s?user=%s%s", w.host, w.port, database, url.QueryEscape(w.user), trust)
	proxy := fmt.Sprintf("jdbc:postgresql://%s:%s/%s?user=app&sslmode=disable", w.proxyHost, w.proxyPort, database)
	return Snippet{
		ID: "jdbc", Title: "JDBC", Language: "java",
		Note: "JDBC asks for the password once. A pool that lives longer than a token goes through the proxy.",
		Text: "// through the proxy: " + w.proxyCommand() + "\nString url = " + text(proxy) + ";\n\n" +
			"// direct, with what `lakeward token " + w.name + "` prints as the password\nString direct = " + text(direct) + ";\n",
	}
}

// app is the resource of a Databricks App, as a bundle says it, and the app's own part.
func (w writer) app() Snippet {
	kind, first, second := "database", "instance_name: "+text(w.name), "database_name: "+text(w.database)
	if w.Instance.Endpoint != "" {
		branch, _, _ := strings.Cut(w.Instance.Endpoint, "/endpoints/")
		id := strings.ToLower(strings.ReplaceAll(w.database, "_", "-")) // as the workspace makes it of the name
		kind, first, second = "postgres", "branch: "+text(branch), "database: "+text(branch+"/databases/"+id)
	}
	return Snippet{
		ID: "app", Title: "Databricks App", Language: "yaml",
		Note: "With the resource, the platform makes a role for the app and sets PGHOST, PGPORT, PGDATABASE, PGUSER and PGSSLMODE. The password is a token that the app mints.",
		Text: `# databricks.yml
resources:
  apps:
    my_app:
      name: my-app
      source_code_path: ./app
      resources:
        - name: postgres
          ` + kind + `:
            ` + first + `
            ` + second + `
            permission: CAN_CONNECT_AND_CREATE

# app/app.yaml
env:
  - name: LAKEBASE_ENDPOINT
    valueFrom: postgres
`,
	}
}

// text quotes a string as Go, Python, JavaScript, Java and YAML all read it.
func text(s string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string, into memory
	return strings.TrimSuffix(out.String(), "\n")
}

// shell quotes a word for a shell, when it must be.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
