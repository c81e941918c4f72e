package endpoint_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/lakeward/lakeward"
)

// A start that was killed after the folder had got its name, and before it was the owner's, leaves nothing behind that
// anybody was told of.
func TestFolderThatWasGivenToNobodyIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.options()
	e := s.start(o)
	mustExec(t, s.owner(e), "CREATE TABLE lost ()")
	if err := e.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "lakeward.fresh"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Owner.Name = "somebody.else@example.com"
	e = s.start(o)
	conn := s.connect(e, o.Owner.Name, lakeward.DefaultDatabase)
	if !value[bool](t, conn, "SELECT to_regclass('lost') IS NULL") {
		t.Error("the table of the folder that was made anew is there")
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "lakeward.fresh")); err == nil {
		t.Error("the folder still bears the mark of one that was given to nobody")
	}
}

func TestOwnerOfATemplateIsNobody(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	roles, err := e.Roles(t.Context())
	if err != nil || len(roles) != 1 || roles[0].Name != ownerName || !roles[0].Superuser || roles[0].Identity != "USER" {
		t.Errorf("%+v, %v", roles, err)
	}
	databases, err := e.Databases(t.Context())
	if err != nil || len(databases) != 1 || databases[0].Owner != ownerName {
		t.Errorf("%+v, %v", databases, err)
	}
}
