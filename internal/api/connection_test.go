package api_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/snippet"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/lakewardtest"
)

func anInstanceShowsHowItIs(t *testing.T, lakebase *lakewardtest.Lakebase) {
	lakebase.Instance(t, "vital")
	w := serve(t, lakebase)
	const path = "/api/instances/vital/vitals"
	status, text := w.ask(t, "bob", "GET", path, "")
	var v api.Vitals
	if err := json.Unmarshal([]byte(text), &v); err != nil || status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if !v.Reached || v.Problem != nil || !strings.HasPrefix(v.Version, "PostgreSQL 1") || v.User == "" || v.Owner == "" || v.ConnectMS <= 0 || v.LatencyMS <= 0 {
		t.Errorf("a running instance is shown as %s", text)
	}
	if v.Size == nil || v.Size.Bytes < 1<<20 || v.Size.LimitBytes != 8<<40 || v.Connections == nil || v.Connections.Used < 1 || v.Connections.Max < 50 {
		t.Errorf("size and connections are missing: %s", text)
	}
	if v.Token == nil || time.Since(v.Token.MintedAt) > time.Minute || v.Token.ExpiresAt.Before(time.Now().Add(time.Minute)) {
		t.Errorf("the token's life is missing: %s", text)
	}
	if strings.Contains(text, "eyJ") {
		t.Errorf("the token itself is shown: %s", text)
	}
	again := decode[api.Vitals](t, w, "GET", path, "", 200)
	if !again.Token.MintedAt.Equal(v.Token.MintedAt) {
		t.Errorf("each look mints a token: at %s and %s", v.Token.MintedAt, again.Token.MintedAt)
	}

	w.do(t, "/api/instances/vital/stop", "")
	for _, ask := range [][2]string{{"GET", path}, {"POST", "/api/instances/vital/test"}} {
		v = decode[api.Vitals](t, w, ask[0], ask[1], "", 200)
		if v.Reached || v.Problem == nil || !strings.Contains(v.Problem.Hint, "instance start vital") || v.Version != "" {
			t.Errorf("%s of a stopped instance: %+v", ask[0], v)
		}
	}
	if i := decode[lakeward.Instance](t, w, "GET", "/api/instances/vital", "", 200); i.Status != lakeward.StatusStopped {
		t.Errorf("the look at it has left it %s", i.Status)
	}
	w.do(t, "/api/instances/vital/start", "")
	if v = decode[api.Vitals](t, w, "POST", "/api/instances/vital/test", "", 200); !v.Reached {
		t.Errorf("started again, it is not reached: %+v", v.Problem)
	}
	w.ask(t, administrator, "DELETE", "/api/instances/vital?yes=vital", "", "Prefer", "wait=120")
	decode[any](t, w, "GET", path, "", 404)
	lakebase.Instance(t, "vital")
	if v = decode[api.Vitals](t, w, "GET", path, "", 200); !v.Reached {
		t.Errorf("another one of the same name is not reached: %+v", v.Problem)
	}
}

func aPersonConnects(t *testing.T, lakebase *lakewardtest.Lakebase) {
	lakebase.Instance(t, "linked")
	w := serve(t, lakebase, func(o *api.Options) { o.RootCAs = lakebase.CAFile })
	status, text := w.ask(t, "bob", "GET", "/api/instances/linked/connect", "")
	var c snippet.Connection
	if err := json.Unmarshal([]byte(text), &c); err != nil || status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if strings.Contains(text, "eyJ") {
		t.Errorf("a token is shown: %s", text)
	}
	ids := []string{}
	for _, s := range c.Snippets {
		ids = append(ids, s.ID)
	}
	if want := []string{"proxy", "psql", "go", "sqlalchemy", "django", "node", "jdbc", "app"}; !slices.Equal(ids, want) {
		t.Errorf("snippets %v, want %v", ids, want)
	}

	const mint = "/api/instances/linked/credential"
	if status, text := w.ask(t, "bob", "POST", mint, ""); status != 403 || strings.Contains(text, "eyJ") {
		t.Errorf("a viewer is given a token: %d %s", status, text)
	}
	status, text, header := w.askAll(t, administrator, "POST", mint, "")
	var given api.DatabaseCredential
	if err := json.Unmarshal([]byte(text), &given); err != nil || status != 200 || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %s", status, header.Get("Cache-Control"), text)
	}
	cfg, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Password = given.Token
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatalf("the address with the token: %v", err)
	}
	_ = conn.Close(t.Context())
	psql := exec.CommandContext(t.Context(), "sh", "-c", `lakeward() { echo "$TOKEN"; }; `+strings.TrimSpace(c.Snippets[1].Text)+` -Atc 'select current_user'`)
	psql.Env = append(psql.Environ(), "TOKEN="+given.Token)
	if out, err := psql.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != given.User {
		t.Errorf("the snippet for psql: %v: %s", err, out)
	}

	audit, err := w.store.Entries(t.Context(), store.AuditFilter{Object: mint})
	if err != nil || len(audit) != 2 || audit[0].Outcome != "done" || audit[0].Actor != administrator || audit[1].Outcome != "denied" {
		t.Errorf("the audit log has %+v, %v", audit, err)
	}
	if logged := w.logged.String(); strings.Contains(logged, given.Token) {
		t.Error("the token is in the log")
	}
}

func TestACallerIsToldWhoItIs(t *testing.T) {
	t.Parallel()
	w := idle(t)
	for who, says := range map[string]string{
		administrator: `"role":"administrator"`, "bob": `"may_change":false,"may_read_rows":false`,
	} {
		status, text := w.ask(t, who, "GET", "/api/me", "")
		if status != 200 || !strings.Contains(text, says) || !strings.Contains(text, "forwarded by Databricks Apps") {
			t.Errorf("%s is told %d %s", who, status, text)
		}
	}
}
