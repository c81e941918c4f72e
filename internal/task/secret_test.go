package task_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
)

const password = "hunter-two-2"

// TestPasswordsAreNowhereInClear looks for the password of a source and of a target in all that is kept of operations.
func TestPasswordsAreNowhereInClear(t *testing.T) {
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, o store.Options) {
		st := storetest.Open(t, o)
		var log lockedBuffer
		s := serve(t, newServiceWithLog(t, st, &log))
		// The test's PostgreSQL asks for no password, and so takes any.
		source := withPassword(pgtest.DB(t))
		for _, in := range []task.Input{
			&task.Plan{Source: source},
			&task.Plan{Source: "postgres://ann:" + password + "@127.0.0.1:1/db"},
			&task.Migrate{Source: writeSource(t, 10), To: withPassword(pgtest.DB(t))},
			&task.Check{Source: source, To: withPassword(pgtest.DB(t))},
			&task.Verify{Source: writeSource(t, 10), To: "postgres://ann:" + password + "@127.0.0.1:1/db"},
			&task.Export{Instance: "postgres://ann:" + password + "@127.0.0.1:1/db"},
		} {
			op, err := s.Wait(t.Context(), submit(t, s, in).ID, tooLong)
			if err != nil || !op.State.Ended() {
				t.Fatalf("%s is %s: %v", op.Kind, op.State, err)
			}
			text, err := json.Marshal([]any{op, events(t, s, op.ID)})
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte(password)) {
				t.Errorf("%s shows the password: %s", op.Kind, text)
			}
			secret, err := st.Secret(t.Context(), op.ID)
			if err != nil || !bytes.Contains(secret, []byte(password)) {
				t.Errorf("%s has lost its password: %v", op.Kind, err)
			}
		}
		for _, in := range []task.Input{
			&task.Migrate{Source: "host=h password=" + password, To: "shop"},
			&task.Migrate{Source: "a.db", To: "host=h password=" + password},
			&task.Migrate{Source: "a.db", To: "postgres://ann:" + password + "@host:port/db"},
			&task.Plan{Source: "postgres://ann:" + password + "/@host:port/db"},
		} {
			_, err := s.Submit(t.Context(), "ann", in)
			if lakeward.KindOf(err) != lakeward.KindInvalid || strings.Contains(err.Error()+lakeward.HintOf(err), password) {
				t.Errorf("refused with %v", err)
			}
		}
		if strings.Contains(log.String(), password) {
			t.Errorf("the log shows the password:\n%s", log.String())
		}
		for _, text := range everything(t, o) {
			if bytes.Contains(text, []byte(password)) {
				t.Error("the store shows the password")
			}
			if !bytes.Contains(text, []byte("migrate")) {
				t.Error("that was not the store")
			}
		}
	})
}

// withPassword puts a password into an address.
func withPassword(dsn string) string {
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + "password=" + password
}

// everything returns all that a store keeps.
func everything(t *testing.T, o store.Options) (all [][]byte) {
	t.Helper()
	if o.DSN != "" {
		out, err := exec.CommandContext(t.Context(), "pg_dump", pgtest.Admin(t, o.DSN)).Output()
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{out}
	}
	var whole []byte
	err := filepath.WalkDir(filepath.Dir(o.Path), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		whole = append(whole, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{whole}
}

func TestWhatCannotBeMeantIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, storetest.InFile(t)), nil, t.TempDir())
	for what, in := range map[string]task.Input{
		"no name":            &task.Create{},
		"a bad name":         &task.Create{Name: "my_shop"},
		"a path":             &task.Create{Name: "projects/shop"},
		"capacity":           &task.Create{Name: "shop", Capacity: "CU_3"},
		"retention":          &task.Create{Name: "shop", RetentionDays: 36},
		"nodes":              &task.Create{Name: "shop", Nodes: -1},
		"no source":          &task.Migrate{To: "shop"},
		"no target":          &task.Migrate{Source: "a.db"},
		"strategy":           &task.Migrate{Source: "a.db", To: "shop", Strategy: "some"},
		"policy":             &task.Migrate{Source: "a.db", To: "shop", OnMisfit: "drop"},
		"orphans":            &task.Plan{Source: "a.db", OnOrphan: "drop"},
		"a broken plan":      &task.Migrate{Source: "a.db", To: "shop", Plan: json.RawMessage(`{"version":9}`)},
		"jobs":               &task.Verify{Source: "a.db", To: "shop", Jobs: -1},
		"not typed":          &task.Delete{Name: "shop"},
		"typed wrong":        &task.Delete{Name: "shop", Yes: "Shop"},
		"nothing to resize":  &task.Resize{Name: "shop"},
		"expand what":        &task.Enable{Instance: "shop", Expand: true},
		"enable no instance": &task.Enable{},
		"export no instance": &task.Export{},
		"another database":   &task.Check{Source: "mysql://host/db", To: "shop"},
		"start nothing":      &task.Start{},
		"stop nothing":       &task.Stop{Name: "../shop"},
	} {
		_, err := s.Submit(t.Context(), "ann", in)
		if k := lakeward.KindOf(err); k != lakeward.KindInvalid && k != lakeward.KindUnsupported || lakeward.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", what, err, lakeward.HintOf(err))
		}
	}
	all, err := s.Store.Operations(t.Context(), store.Filter{})
	if err != nil || len(all) != 0 {
		t.Errorf("refused and kept: %v, %v", all, err)
	}
}
