package task_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/storetest"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/lakewardtest"
)

func TestBackupsAreMadeAndRestored(t *testing.T) {
	t.Parallel()
	lake := lakewardtest.Start(t)
	lake.Instance(t, "shop")
	st := storetest.Open(t, storetest.InFile(t))
	s := serve(t, newService(t, st, lake, t.TempDir()))
	source := writeSource(t, 1000)
	finish(t, s, submit(t, s, &task.Migrate{Source: source, To: "shop"}).ID, store.Succeeded)
	for _, format := range []backup.Format{"", backup.SQL} {
		made := finish(t, s, submit(t, s, &task.Backup{Instance: "shop", Format: format}).ID, store.Succeeded)
		var kept task.Kept
		if err := json.Unmarshal(made.Result, &kept); err != nil {
			t.Fatal(err)
		}
		if made.Kind != "backup" || made.Instance != "shop" || !kept.Complete || kept.Tables != 2 ||
			kept.Volume != backup.DefaultVolume || kept.Path != "/Volumes/main/default/lakeward_backups/"+kept.Name {
			t.Errorf("%s: %s", made.Kind, made.Result)
		}
		all := events(t, s, made.ID)
		if !slices.ContainsFunc(all, func(e store.Event) bool { return e.Phase == "upload" }) {
			t.Errorf("no event of the upload: %v", all)
		}

		lost := count(t, lake, "shop", `WITH gone AS (DELETE FROM orders WHERE id > 10 RETURNING 1) SELECT count(*) FROM gone`)
		if lost != 990 {
			t.Fatalf("%d orders were lost", lost)
		}
		refused := finish(t, s, submit(t, s, &task.Restore{Name: kept.Name, To: "shop"}).ID, store.Failed)
		if refused.Error.Kind != lakeward.KindConflict || refused.Error.Hint == "" {
			t.Errorf("a restore over tables: %+v", refused.Error)
		}
		back := finish(t, s, submit(t, s, &task.Restore{Name: kept.Name, To: "shop", Replace: "shop"}).ID, store.Succeeded)
		var got task.Restored
		if err := json.Unmarshal(back.Result, &got); err != nil || got.Tables != 2 || got.Backup.SHA256 != kept.SHA256 {
			t.Errorf("restored %s: %v", back.Result, err)
		}
		finish(t, s, submit(t, s, &task.Verify{Source: source, To: "shop"}).ID, store.Succeeded)

		// A server ends when it has restored, and before it could say so.
		input := []byte(`{"name":"` + kept.Name + `","to":"shop"}`)
		again, err := st.Add(t.Context(), store.Operation{Kind: "restore", Instance: "shop", Input: input}, input)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := st.Begin(t.Context(), again.ID); err != nil {
			t.Fatal(err)
		}
		again = finish(t, s, again.ID, store.Failed)
		if again.Attempt != 2 || again.Error.Kind != lakeward.KindConflict || !strings.Contains(again.Error.Message, "may have brought them") {
			t.Errorf("a restore whose end was not noted: attempt %d, %+v", again.Attempt, again.Error)
		}
	}
}

func TestBackupsThatCannotBeAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, store.Options{Path: t.TempDir() + "/store.db"}), nil, t.TempDir())
	for _, in := range []task.Input{
		&task.Backup{}, &task.Backup{Instance: "postgres://host/db"}, &task.Backup{Instance: "shop", Format: "zip"},
		&task.Backup{Instance: "shop", Volume: "main.default"}, &task.Backup{Instance: "shop", Volume: "main.default.a/../b"},
		&task.Restore{To: "shop"}, &task.Restore{Name: "../shop.db", To: "shop"}, &task.Restore{Name: "shop.txt", To: "shop"},
		&task.Restore{Name: "shop.db"}, &task.Restore{Name: "shop.db", To: "shop", Jobs: -1},
	} {
		if _, err := s.Submit(t.Context(), "ann", in); lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("%s %+v: %v", in.Kind(), in, err)
		}
	}
}
