package standin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func (l *Lakebase) catalogRoutes(api func(string, handler)) {
	api("POST "+apiCatalog+"catalogs", l.createCatalog)
	api("GET "+apiCatalog+"catalogs", l.listCatalogs)
	api("GET "+apiCatalog+"catalogs/{name}", l.getCatalog)
	api("DELETE "+apiCatalog+"catalogs/{name}", l.deleteCatalog)
	api("POST "+apiCatalog+"schemas", l.createSchema)
	api("GET "+apiCatalog+"schemas", l.listSchemas)
	api("GET "+apiCatalog+"schemas/{name}", l.getSchema)
	api("DELETE "+apiCatalog+"schemas/{name}", l.deleteSchema)
	api("POST "+apiCatalog+"volumes", l.createVolume)
	api("GET "+apiCatalog+"volumes", l.listVolumes)
	api("GET "+apiCatalog+"volumes/{name}", l.getVolume)
	api("DELETE "+apiCatalog+"volumes/{name}", l.deleteVolume)
}

func (l *Lakebase) createCatalog(r *request) (any, error) {
	var in catalog.CreateCatalog
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if in.ConnectionName != "" || in.ProviderName != "" || in.ShareName != "" {
		return nil, notImplemented("a catalog of a connection or a share")
	}
	if err := checkSecurable("name", in.Name); err != nil {
		return nil, err
	}
	made := newCatalog(in.Name, in.Comment, r.caller.Name)
	err := l.store.update(func(s *state) error {
		if _, err := s.catalog(in.Name); err == nil {
			return existingSecurable(postgres.ErrorCodeCatalogAlreadyExists, "Catalog", made.Name)
		}
		s.Catalogs = append(s.Catalogs, made)
		return nil
	})
	return l.store.view().catalogInfo(made), err
}

func (s *state) catalogInfo(c *ucCatalog) catalog.CatalogInfo {
	return catalog.CatalogInfo{
		Name: c.Name, FullName: c.Name, Comment: c.Comment, Owner: c.Owner, MetastoreId: s.metastore(),
		CatalogType: catalog.CatalogTypeManagedCatalog, SecurableType: catalog.SecurableTypeCatalog,
		IsolationMode: catalog.CatalogIsolationModeOpen,
		CreatedAt:     c.Created.UnixMilli(), CreatedBy: c.Owner, UpdatedAt: c.Created.UnixMilli(), UpdatedBy: c.Owner,
	}
}

func (l *Lakebase) listCatalogs(r *request) (any, error) {
	s := l.store.view()
	part, next, err := cut(catalogPages, s.Catalogs, func(c *ucCatalog) string { return c.Name }, r.URL.Query())
	answer := catalog.ListCatalogsResponse{NextPageToken: next}
	for _, c := range part {
		answer.Catalogs = append(answer.Catalogs, s.catalogInfo(c))
	}
	return answer, err
}

func (l *Lakebase) getCatalog(r *request) (any, error) {
	s := l.store.view()
	c, err := s.catalog(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return s.catalogInfo(c), nil
}

func (l *Lakebase) deleteCatalog(r *request) (any, error) {
	force, _, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return nil, l.removeVolumes(func(s *state) ([]*volume, error) {
		c, err := s.catalog(r.PathValue("name"))
		if err != nil {
			return nil, err
		}
		if len(c.Schemas) > 0 && !force {
			return nil, notEmpty(postgres.ErrorCodeCatalogNotEmpty, "Catalog", c.Name)
		}
		s.Catalogs = without(s.Catalogs, c)
		var gone []*volume
		for _, schema := range c.Schemas {
			gone = append(gone, schema.Volumes...)
		}
		return gone, nil
	})
}

func (l *Lakebase) createSchema(r *request) (any, error) {
	var in catalog.CreateSchema
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if err := checkSecurable("name", in.Name); err != nil {
		return nil, err
	}
	made := &ucSchema{securable: newSecurable(in.Name, in.Comment, r.caller.Name)}
	err := l.store.update(func(s *state) error {
		c, err := s.catalog(in.CatalogName)
		if err != nil {
			return err
		}
		if _, err := s.schema(in.CatalogName, in.Name); err == nil {
			return existingSecurable(postgres.ErrorCodeSchemaAlreadyExists, "Schema", c.Name+"."+made.Name)
		}
		c.Schemas = append(c.Schemas, made)
		return nil
	})
	return l.store.view().schemaInfo(in.CatalogName, made), err
}

func (s *state) schemaInfo(in string, schema *ucSchema) catalog.SchemaInfo {
	in = strings.ToLower(in)
	return catalog.SchemaInfo{
		Name: schema.Name, CatalogName: in, FullName: in + "." + schema.Name, Comment: schema.Comment, SchemaId: schema.ID,
		Owner: schema.Owner, MetastoreId: s.metastore(), CatalogType: catalog.CatalogTypeManagedCatalog,
		CreatedAt: schema.Created.UnixMilli(), CreatedBy: schema.Owner,
		UpdatedAt: schema.Created.UnixMilli(), UpdatedBy: schema.Owner,
	}
}

func (l *Lakebase) listSchemas(r *request) (any, error) {
	s := l.store.view()
	c, err := s.catalog(r.URL.Query().Get("catalog_name"))
	if err != nil {
		return nil, err
	}
	part, next, err := cut(catalogPages, c.Schemas, func(s *ucSchema) string { return s.Name }, r.URL.Query())
	answer := catalog.ListSchemasResponse{NextPageToken: next}
	for _, schema := range part {
		answer.Schemas = append(answer.Schemas, s.schemaInfo(c.Name, schema))
	}
	return answer, err
}

func (l *Lakebase) getSchema(r *request) (any, error) {
	names, err := split(r.PathValue("name"), 2)
	if err != nil {
		return nil, err
	}
	s := l.store.view()
	schema, err := s.schema(names[0], names[1])
	if err != nil {
		return nil, err
	}
	return s.schemaInfo(names[0], schema), nil
}

func (l *Lakebase) deleteSchema(r *request) (any, error) {
	force, _, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	names, err := split(r.PathValue("name"), 2)
	if err != nil {
		return nil, err
	}
	return nil, l.removeVolumes(func(s *state) ([]*volume, error) {
		schema, err := s.schema(names[0], names[1])
		if err != nil {
			return nil, err
		}
		if len(schema.Volumes) > 0 && !force {
			return nil, notEmpty(postgres.ErrorCodeSchemaNotEmpty, "Schema", names[0]+"."+schema.Name)
		}
		c, err := s.catalog(names[0])
		if err != nil {
			return nil, err
		}
		c.Schemas = without(c.Schemas, schema)
		return schema.Volumes, nil
	})
}

func (l *Lakebase) createVolume(r *request) (any, error) {
	var in catalog.CreateVolumeRequestContent
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.VolumeType == "":
		return nil, invalid("CreateVolume Missing required field: volume_type")
	case in.VolumeType == catalog.VolumeTypeExternal:
		return nil, notImplemented("an external volume")
	case in.VolumeType != catalog.VolumeTypeManaged:
		return nil, invalid("CreateVolume volume_type must be MANAGED or EXTERNAL, got '%s'.", in.VolumeType)
	case in.StorageLocation != "":
		return nil, invalid("CreateVolume storage_location can not be provided.")
	}
	if err := checkSecurable("name", in.Name); err != nil {
		return nil, err
	}
	made := &volume{newSecurable(in.Name, in.Comment, r.caller.Name)}
	if err := l.volumes.make(made.ID); err != nil {
		return nil, err
	}
	err := l.store.update(func(s *state) error {
		schema, err := s.schema(in.CatalogName, in.SchemaName)
		if err != nil {
			return err
		}
		if _, err := s.volume(in.CatalogName, in.SchemaName, in.Name); err == nil {
			full := strings.ToLower(in.CatalogName) + "." + schema.Name + "." + made.Name
			return &apiError{
				Status: http.StatusConflict, Code: postgres.ErrorCodeResourceAlreadyExists,
				Message: "Volume '" + full + "' already exists",
			}
		}
		schema.Volumes = append(schema.Volumes, made)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, l.volumes.remove(made.ID))
	}
	return l.volumeInfo(in.CatalogName, in.SchemaName, made), nil
}

func (l *Lakebase) volumeInfo(in, schema string, v *volume) catalog.VolumeInfo {
	in, schema = strings.ToLower(in), strings.ToLower(schema)
	return catalog.VolumeInfo{
		Name: v.Name, CatalogName: in, SchemaName: schema, FullName: in + "." + schema + "." + v.Name, Comment: v.Comment,
		VolumeId: v.ID, VolumeType: catalog.VolumeTypeManaged, StorageLocation: "file://" + l.volumes.path(v.ID),
		MetastoreId: l.store.view().metastore(), Owner: v.Owner,
		CreatedAt: v.Created.UnixMilli(), CreatedBy: v.Owner, UpdatedAt: v.Created.UnixMilli(), UpdatedBy: v.Owner,
	}
}

func (l *Lakebase) listVolumes(r *request) (any, error) {
	query := r.URL.Query()
	in, schema := query.Get("catalog_name"), query.Get("schema_name")
	found, err := l.store.view().schema(in, schema)
	if err != nil {
		return nil, err
	}
	part, next, err := cut(catalogPages, found.Volumes, func(v *volume) string { return v.Name }, query)
	answer := catalog.ListVolumesResponseContent{NextPageToken: next}
	for _, v := range part {
		answer.Volumes = append(answer.Volumes, l.volumeInfo(in, schema, v))
	}
	return answer, err
}

func (l *Lakebase) getVolume(r *request) (any, error) {
	names, err := split(r.PathValue("name"), 3)
	if err != nil {
		return nil, err
	}
	v, err := l.store.view().volume(names[0], names[1], names[2])
	if err != nil {
		return nil, err
	}
	return l.volumeInfo(names[0], names[1], v), nil
}

func (l *Lakebase) deleteVolume(r *request) (any, error) {
	names, err := split(r.PathValue("name"), 3)
	if err != nil {
		return nil, err
	}
	return nil, l.removeVolumes(func(s *state) ([]*volume, error) {
		v, err := s.volume(names[0], names[1], names[2])
		if err != nil {
			return nil, err
		}
		schema, err := s.schema(names[0], names[1])
		if err != nil {
			return nil, err
		}
		schema.Volumes = without(schema.Volumes, v)
		return []*volume{v}, nil
	})
}

// removeVolumes changes the state and then removes the files of the volumes that have gone with it. What a crash leaves
// in between goes at the next start.
func (l *Lakebase) removeVolumes(change func(*state) ([]*volume, error)) error {
	var gone []*volume
	err := l.store.update(func(s *state) (err error) {
		gone, err = change(s)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range gone {
		if err := l.volumes.remove(v.ID); err != nil {
			return err
		}
	}
	return nil
}
