package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
)

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	keep := primaryOf(t, w, makeProject(t, w, "keep").Status.DefaultBranch)
	makeRole(t, w, keep.Parent, "reader", postgres.RoleRoleSpec{PostgresRole: "reader"})
	conn := connect(t, l, w, keep)
	exec(t, conn, "CREATE TABLE t AS SELECT 99 AS n")
	idle := primaryOf(t, w, makeProject(t, w, "idle").Status.DefaultBranch)
	update(t, w, idle.Name, postgres.EndpointSpec{Disabled: true}, "spec.disabled")
	op, err := w.Postgres.DeleteProject(t.Context(), postgres.DeleteProjectRequest{Name: makeProject(t, w, "gone").Name, Purge: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, credential := l.Workspace(), token(t, w, keep.Name)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = start(t, dir)
	if diff := cmp.Diff(before, l.Workspace(), cmp.FilterPath(func(p cmp.Path) bool {
		return p.String() == "Host" // its port is chosen anew
	}, cmp.Ignore())); diff != "" {
		t.Errorf("workspace (-before +after):\n%s", diff)
	}
	w = userClient(t, l)
	await(t, "the endpoint is active", func() bool {
		return primaryOf(t, w, keep.Parent).Status.CurrentState == postgres.EndpointStatusStateActive
	})
	again := primaryOf(t, w, keep.Parent)
	if again.Status.Hosts.Host != keep.Status.Hosts.Host || again.Uid != keep.Uid {
		t.Errorf("the endpoint was %+v and is %+v", keep, again)
	}
	conn, err = login(t, l, keep.Status.Hosts.Host, before.UserName, credential, "databricks_postgres")
	if err != nil {
		t.Fatalf("a credential from before the restart: %v", err)
	}
	if got := value[int](t, conn, "SELECT n FROM t"); got != 99 {
		t.Errorf("the data are %d", got)
	}
	if _, err := w.Postgres.GetRole(t.Context(), postgres.GetRoleRequest{Name: keep.Parent + "/roles/reader"}); err != nil {
		t.Errorf("role: %v", err)
	}
	if s := primaryOf(t, w, idle.Parent).Status; !s.Disabled || s.CurrentState != postgres.EndpointStatusStateIdle {
		t.Errorf("the stopped endpoint is %+v", s)
	}
	if got, err := w.Postgres.GetOperation(t.Context(), postgres.GetOperationRequest{Name: op.Name()}); err != nil || !got.Done {
		t.Errorf("the operation of before: %+v, %v", got, err)
	}
}

func TestTakenAddressStopsOneEndpointOnly(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	taken := primaryOf(t, w, makeProject(t, w, "taken").Status.DefaultBranch)
	free := primaryOf(t, w, makeProject(t, w, "free").Status.DefaultBranch)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(taken.Status.Hosts.Host, "5432")
	squatter, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()

	l = start(t, dir)
	w = userClient(t, l)
	await(t, "the other endpoint is active", func() bool {
		return primaryOf(t, w, free.Parent).Status.CurrentState == postgres.EndpointStatusStateActive
	})
	await(t, "the endpoint is degraded", func() bool {
		return primaryOf(t, w, taken.Parent).Status.CurrentState == postgres.EndpointStatusStateDegraded
	})
	problem := l.Problems()[taken.Name]
	if lakeward.KindOf(problem) != lakeward.KindConflict || !strings.Contains(problem.Error(), address) ||
		!strings.Contains(lakeward.HintOf(problem), "--port") {
		t.Errorf("problem is %v (%s), hint %q", problem, lakeward.KindOf(problem), lakeward.HintOf(problem))
	}
}

// TestInterruptedOperationsAreTakenUp writes the state that a kill leaves behind: the operations are recorded, and
// nothing is done.
func TestInterruptedOperationsAreTakenUp(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	kept := makeProject(t, w, "kept")
	makeProject(t, w, "doomed")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var names []string
	record := func(s *state, op *operation) {
		names = append(names, op.Name)
		s.Operations = append(s.Operations, op)
	}
	err := l.store.update(func(s *state) error {
		p, err := l.plan(s, blueprint{id: "born", owner: s.Identities[0], settings: defaultSettings()})
		if err != nil {
			return err
		}
		record(s, newOperation(createProject, p.name()).of(p, p.Branches[0], ""))
		doomed := s.project("doomed")
		doomed.Deleting = true
		record(s, newOperation(deleteProject, doomed.name()).of(doomed, nil, ""))
		p = s.project("kept")
		b := p.Branches[0]
		r := &role{ID: "late", Name: "late", AuthMethod: "PG_PASSWORD_SCRAM_SHA_256", Pending: true}
		b.Roles = append(b.Roles, r)
		op := newOperation(createRole, p.under(b, "roles", "late")).of(p, b, "late")
		op.Role = r
		record(s, op)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	l = start(t, dir)
	w = userClient(t, l)
	for _, name := range names {
		await(t, name+" is done", func() bool {
			op, err := w.Postgres.GetOperation(t.Context(), postgres.GetOperationRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if op.Error != nil {
				t.Fatalf("%s: %+v", name, op.Error)
			}
			return op.Done
		})
	}
	connect(t, l, w, primaryOf(t, w, "projects/born/branches/production"))
	if _, err := w.Postgres.GetRole(t.Context(),
		postgres.GetRoleRequest{Name: kept.Status.DefaultBranch + "/roles/late"}); err != nil {
		t.Error(err)
	}
	if exists(l, "doomed") || !exists(l, "kept") {
		t.Error("the deletion was not finished, or hit the wrong project")
	}
}

func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	t.Run("in a folder where one runs", func(t *testing.T) {
		t.Parallel()
		_, err := Start(t.Context(), Options{Dir: shared.dir, API: "127.0.0.1:0"})
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(err.Error(), "another lakeward (pid ") {
			t.Errorf("%v", err)
		}
	})
	t.Run("at a taken address", func(t *testing.T) {
		t.Parallel()
		_, err := Start(t.Context(), Options{Dir: folder(t), API: strings.TrimPrefix(shared.host, "http://")})
		if lakeward.KindOf(err) != lakeward.KindConflict || !strings.Contains(lakeward.HintOf(err), "--api") {
			t.Errorf("%v", err)
		}
	})
	for name, c := range map[string]struct {
		text string
		want lakeward.Kind
	}{
		"with a newer state":    {`{"version":99}`, lakeward.KindUnsupported},
		"with a damaged state":  {`{"version":`, lakeward.KindInvalid},
		"with an emptied state": {`{}`, lakeward.KindInvalid},
		"with a state of null":  {`null`, lakeward.KindInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			path := filepath.Join(dir, "state.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), Options{Dir: dir, API: "127.0.0.1:0"})
			if lakeward.KindOf(err) != c.want || lakeward.HintOf(err) == "" {
				t.Errorf("%v", err)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != c.text {
				t.Errorf("the file is %q now (%v)", text, err)
			}
		})
	}
}

func TestDamagedKeysAreNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"token.key", "ca.key", "ca.pem"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			l := start(t, dir)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte("garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), Options{Dir: dir, API: "127.0.0.1:0"})
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(lakeward.HintOf(err), "remove") {
				t.Errorf("%v, hint %q", err, lakeward.HintOf(err))
			}
		})
	}
}

func TestDamagedWorkspaceFileIsNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"null", "{}", "{bad", ""} {
		dir := folder(t)
		if err := os.WriteFile(filepath.Join(dir, workspaceName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadWorkspace(dir); lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	file := filepath.Join(folder(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadWorkspace(file); lakeward.HintOf(err) == "" {
		t.Errorf("a file as the folder: %v has no hint", err)
	}
}

func TestSecretsAreForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"workspace.json", "state.json", "token.key", "ca.key"} {
		info, err := os.Stat(filepath.Join(shared.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(shared.dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{shared.Workspace().Token, shared.Workspace().ClientSecret} {
		if strings.Contains(string(text), secret) {
			t.Error("a secret stands in the state")
		}
	}
	w, err := ReadWorkspace(shared.dir)
	if diff := cmp.Diff(shared.Workspace(), w); err != nil || diff != "" {
		t.Errorf("workspace file: %v\n%s", err, diff)
	}
	if _, err := ReadWorkspace(filepath.Join(shared.dir, "nothing")); lakeward.KindOf(err) != lakeward.KindNotFound {
		t.Errorf("workspace of an empty folder: %v", err)
	}
}

// The files in testdata were written by the Lakewards of these formats: of one with two projects, the first with a branch and
// a role, and an instance.
func TestAFolderOfAnEarlierFormatOpens(t *testing.T) {
	t.Parallel()
	for version := 1; version < stateVersion; version++ {
		text, err := os.ReadFile(fmt.Sprintf("testdata/state-%d.json", version))
		if err != nil {
			t.Fatal(err)
		}
		all := json.NewDecoder(bytes.NewReader(text))
		all.DisallowUnknownFields()
		if err := all.Decode(new(state)); err != nil {
			t.Errorf("format %d: something is forgotten: %v", version, err)
		}
		path := filepath.Join(t.TempDir(), stateName)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openStore(path, true)
		if err != nil {
			t.Fatalf("format %d: %v", version, err)
		}
		if err := s.update(func(*state) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if s, err = openStore(path, true); err != nil {
			t.Fatal(err)
		}
		_, b := s.view().branchByName("projects/shop/branches/production")
		if got := s.view(); got.Version != stateVersion || len(got.Projects) != 3 || b == nil || b.roleNamed("app") == nil ||
			got.project("inst").Instance == nil || got.project("shop").branch("dev").Source == "" {
			t.Errorf("format %d: it is %+v now", version, got)
		}
	}
}

func TestAddressesOfTwoFoldersDiffer(t *testing.T) {
	t.Parallel()
	first := func(dir string) netip.Addr {
		for a := range candidates(dir) {
			return a
		}
		return netip.Addr{}
	}
	a, b := first("/home/a/lakebase"), first("/home/b/lakebase")
	if a == b || !a.IsLoopback() || !b.IsLoopback() || a != first("/home/a/lakebase") {
		t.Errorf("addresses are %s and %s", a, b)
	}
}

// A workspace leaves the addresses alone that another one of the same folder has, which may not run.
func TestAddressesOfTwoWorkspacesDiffer(t *testing.T) {
	t.Parallel()
	root := folder(t)
	other := WorkspaceDir(root, "eu-west-1")
	var wanted []netip.Addr
	for a := range candidates(root) {
		if wanted = append(wanted, a); len(wanted) == 3 {
			break
		}
	}
	if err := os.MkdirAll(other, 0o711); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state{Version: 1, Projects: []*project{{ID: "p", Branches: []*branch{{
		ID: "b", Computes: []*compute{{ID: "c", Host: wanted[0], ReadHost: wanted[1]}},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, stateName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	l := start(t, root)
	w := userClient(t, l)
	e := primaryOf(t, w, makeProject(t, w, "here").Status.DefaultBranch)
	if e.Status.Hosts.Host != wanted[2].String() {
		t.Errorf("the endpoint is at %s; %v are another workspace's, and %v is free", e.Status.Hosts.Host, wanted[:2], wanted[2])
	}
}

func TestOldOperationsAreForgotten(t *testing.T) {
	t.Parallel()
	s := &state{}
	add := func(age time.Duration, done bool) {
		s.Operations = append(s.Operations, &operation{Done: done, Finished: now().Add(-age)})
	}
	add(25*time.Hour, true)
	add(0, false)
	for range mostOperations + 3 {
		add(time.Minute, true)
	}
	s.forget()
	if got := len(s.Operations); got != mostOperations+1 || s.Operations[0].Done {
		t.Errorf("%d operations are left, want %d and the unfinished one", got, mostOperations)
	}
}
