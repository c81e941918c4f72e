package standin

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/catalog"
)

// makeVolume makes a volume in main.default and returns the path of its files. One of the shared Lakebase is deleted when
// the test is over.
func makeVolume(t *testing.T, w *databricks.WorkspaceClient, name string) string {
	t.Helper()
	v, err := w.Volumes.Create(t.Context(), catalog.CreateVolumeRequestContent{
		CatalogName: "main", SchemaName: "default", Name: name, VolumeType: catalog.VolumeTypeManaged,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.Config.Host != shared.Workspace().Host {
			return
		}
		if err := w.Volumes.DeleteByName(context.WithoutCancel(t.Context()), v.FullName); err != nil && !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("delete volume %s: %v", v.FullName, err)
		}
	})
	return "/Volumes/main/default/" + v.Name
}

func TestCatalogsSchemasAndVolumes(t *testing.T) {
	t.Parallel()
	w := userClient(t, start(t, folder(t)))
	ctx := t.Context()
	all, err := w.Catalogs.ListAll(ctx, catalog.ListCatalogsRequest{MaxResults: 1})
	if err != nil || len(all) != 2 || all[0].Name != "main" || all[1].Name != "users" {
		t.Errorf("catalogs of a new workspace: %v %v, want main and users", all, err)
	}
	if _, err := w.Schemas.GetByFullName(ctx, "users.default"); err != nil {
		t.Errorf("schema users.default: %v", err)
	}

	made, err := w.Catalogs.Create(ctx, catalog.CreateCatalog{Name: "Shop", Comment: "ours"})
	if err != nil || made.Name != "shop" || made.Comment != "ours" || made.Owner != adminName || made.CreatedAt == 0 {
		t.Errorf("created %+v, %v", made, err)
	}
	if _, err := w.Schemas.Create(ctx, catalog.CreateSchema{CatalogName: "shop", Name: "Backups"}); err != nil {
		t.Fatal(err)
	}
	schemas, err := w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "shop"})
	if err != nil || len(schemas) != 2 || schemas[0].FullName != "shop.backups" || schemas[1].FullName != "shop.default" {
		t.Errorf("schemas %+v, %v", schemas, err)
	}

	for _, name := range []string{"Nightly", "weekly"} {
		if _, err := w.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{
			CatalogName: "shop", SchemaName: "backups", Name: name, VolumeType: catalog.VolumeTypeManaged, Comment: "c",
		}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.Volumes.ReadByName(ctx, "shop.Backups.NIGHTLY")
	if err != nil || v.FullName != "shop.backups.nightly" || v.Comment != "c" || v.VolumeType != catalog.VolumeTypeManaged ||
		v.VolumeId == "" || v.CatalogName != "shop" || v.SchemaName != "backups" {
		t.Errorf("read %+v, %v", v, err)
	}
	names, err := w.Volumes.VolumeInfoNameToVolumeIdMap(ctx,
		catalog.ListVolumesRequest{CatalogName: "shop", SchemaName: "backups", MaxResults: 1})
	if err != nil || len(names) != 2 || names["nightly"] != v.VolumeId {
		t.Errorf("listed %v, %v", names, err)
	}

	if err := w.Volumes.DeleteByName(ctx, "shop.backups.nightly"); err != nil {
		t.Error(err)
	}
	if _, err := w.Volumes.ReadByName(ctx, "shop.backups.nightly"); !errors.Is(err, databricks.ErrResourceDoesNotExist) {
		t.Errorf("after its end: %v", err)
	}
	for _, full := range []string{"shop", "shop.backups"} {
		path := "/api/2.1/unity-catalog/catalogs/" + full
		if strings.Contains(full, ".") {
			path = "/api/2.1/unity-catalog/schemas/" + full
		}
		l := &Lakebase{workspace: WorkspaceFile{Host: w.Config.Host, Token: w.Config.Token}}
		if status, body := call(t, l, "DELETE", path, bearer(l), ""); status != 400 || !strings.Contains(body, "_NOT_EMPTY") {
			t.Errorf("deleting %s with a volume in it: %d %s", full, status, body)
		}
	}
	if err := w.Catalogs.Delete(ctx, catalog.DeleteCatalogRequest{Name: "shop", Force: true}); err != nil {
		t.Error(err)
	}
	if _, err := w.Catalogs.GetByName(ctx, "shop"); !errors.Is(err, databricks.ErrNotFound) {
		t.Errorf("after its end: %v", err)
	}
}

func TestWhatIsWrongInACatalogIsSaid(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	makeVolume(t, w, "once")
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "catalogs", `{"name":"main"}`, 400, "CATALOG_ALREADY_EXISTS"},
		{"POST", "catalogs", `{}`, 400, "INVALID_PARAMETER_VALUE"},
		{"POST", "catalogs", `{"name":"a b"}`, 400, "INVALID_PARAMETER_VALUE"},
		{"POST", "schemas", `{"name":"default","catalog_name":"main"}`, 400, "SCHEMA_ALREADY_EXISTS"},
		{"POST", "schemas", `{"name":"x","catalog_name":"none"}`, 404, "CATALOG_DOES_NOT_EXIST"},
		{
			"POST", "volumes", `{"name":"once","catalog_name":"main","schema_name":"default","volume_type":"MANAGED"}`, 409,
			"RESOURCE_ALREADY_EXISTS",
		},
		{
			"POST", "volumes", `{"name":"../x","catalog_name":"main","schema_name":"default","volume_type":"MANAGED"}`, 400,
			"INVALID_PARAMETER_VALUE",
		},
		{
			"POST", "volumes", `{"name":"x","catalog_name":"main","schema_name":"none","volume_type":"MANAGED"}`, 404,
			"SCHEMA_DOES_NOT_EXIST",
		},
		{"POST", "volumes", `{"name":"x","catalog_name":"main","schema_name":"default"}`, 400, "INVALID_PARAMETER_VALUE"},
		{"GET", "volumes/main.default.none", "", 404, "RESOURCE_DOES_NOT_EXIST"},
		{"GET", "volumes/main.default", "", 400, "INVALID_PARAMETER_VALUE"},
		{"GET", "volumes?catalog_name=main&schema_name=none", "", 404, "SCHEMA_DOES_NOT_EXIST"},
		{"GET", "schemas/none.default", "", 404, "CATALOG_DOES_NOT_EXIST"},
		{"DELETE", "volumes/main.default.none", "", 404, "RESOURCE_DOES_NOT_EXIST"},
		{"GET", "catalogs?max_results=-1", "", 400, "INVALID_PARAMETER_VALUE"},
	} {
		status, body := call(t, shared, c.method, "/api/2.1/unity-catalog/"+c.path, bearer(shared), c.body)
		if status != c.status || !strings.Contains(body, `"`+c.code+`"`) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, status, body, c.status, c.code)
		}
	}
	if status, _ := call(t, shared, "GET", "/api/2.1/unity-catalog/catalogs", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
}

func TestAVolumesFilesGoWithIt(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	path := makeVolume(t, w, "fleeting")
	upload(t, w, path+"/a.txt", "a")
	v, err := w.Volumes.ReadByName(t.Context(), "main.default.fleeting")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Volumes.DeleteByName(t.Context(), "main.default.fleeting"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Files.DownloadByFilePath(t.Context(), path+"/a.txt"); !errors.Is(err, databricks.ErrNotFound) {
		t.Errorf("a file of a volume that is gone: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(shared.volumes.dir, v.VolumeId+"*")); err != nil || len(left) > 0 {
		t.Errorf("its folder is still there: %v %v", left, err)
	}
	makeVolume(t, w, "fleeting")
	if names := listFolder(t, w, path); !slices.Equal(names, nil) {
		t.Errorf("the next volume of that name has %v", names)
	}
}
