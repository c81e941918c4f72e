package standin

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/google/uuid"
)

// Of Unity Catalog there is what holds files: catalogs, their schemas, and the managed volumes in them. Every identity of
// the workspace may do everything with them.

const apiCatalog = "/api/2.1/unity-catalog/"

// securable is what everything in Unity Catalog has.
type securable struct {
	Name    string    `json:"name"` // in lower case, as Unity Catalog keeps it
	ID      string    `json:"id"`
	Comment string    `json:"comment,omitempty"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
}

type ucCatalog struct {
	securable
	Schemas []*ucSchema `json:"schemas"`
}

type ucSchema struct {
	securable
	Volumes []*volume `json:"volumes"`
}

// volume is a managed volume. Its files are in the folder that its id names.
type volume struct{ securable }

// catalogPages are the pages of Unity Catalog's lists.
var catalogPages = paging{field: "max_results", preset: 10000, most: 10000}

// catalogNames are the catalogs of a new workspace: main is that of real ones, users is where Kasal keeps its backups.
var catalogNames = []string{"main", "users"}

func newSecurable(name, comment, owner string) securable {
	return securable{Name: strings.ToLower(name), ID: uuid.NewString(), Comment: comment, Owner: owner, Created: now()}
}

func newCatalog(name, comment, owner string) *ucCatalog {
	return &ucCatalog{
		securable: newSecurable(name, comment, owner),
		Schemas:   []*ucSchema{{securable: newSecurable("default", "", owner)}},
	}
}

// settleCatalogs gives the workspace its catalogs at the first start.
func (l *Lakebase) settleCatalogs() error {
	if l.store.view().Catalogs != nil {
		return nil
	}
	return l.store.update(func(s *state) error {
		for _, name := range catalogNames {
			s.Catalogs = append(s.Catalogs, newCatalog(name, "", s.first(typeUser).Name))
		}
		return nil
	})
}

// metastore is the id of what all catalogs of the workspace are in.
func (s *state) metastore() string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("lakeward:"+s.Workspace)).String()
}

// The names of things inside one another: catalog.schema.volume.

func (s *state) catalog(name string) (*ucCatalog, error) {
	name = strings.ToLower(name)
	if c := find(s.Catalogs, func(c *ucCatalog) bool { return c.Name == name }); c != nil {
		return c, nil
	}
	return nil, absentSecurable(postgres.ErrorCodeCatalogDoesNotExist, "Catalog", name)
}

func (s *state) schema(in, name string) (*ucSchema, error) {
	c, err := s.catalog(in)
	if err != nil {
		return nil, err
	}
	name = strings.ToLower(name)
	if found := find(c.Schemas, func(s *ucSchema) bool { return s.Name == name }); found != nil {
		return found, nil
	}
	return nil, absentSecurable(postgres.ErrorCodeSchemaDoesNotExist, "Schema", c.Name+"."+name)
}

func (s *state) volume(catalogName, schema, name string) (*volume, error) {
	in, err := s.schema(catalogName, schema)
	if err != nil {
		return nil, err
	}
	name = strings.ToLower(name)
	if v := find(in.Volumes, func(v *volume) bool { return v.Name == name }); v != nil {
		return v, nil
	}
	full := strings.ToLower(catalogName) + "." + in.Name + "." + name
	return nil, absentSecurable(postgres.ErrorCodeResourceDoesNotExist, "Volume", full)
}

func absentSecurable(code postgres.ErrorCode, kind, name string) *apiError {
	return &apiError{Status: http.StatusNotFound, Code: code, Message: kind + " '" + name + "' does not exist."}
}

// existingSecurable refuses to make what is there. The status is not that of the other APIs.
func existingSecurable(code postgres.ErrorCode, kind, name string) *apiError {
	return &apiError{Status: http.StatusBadRequest, Code: code, Message: kind + " '" + name + "' already exists"}
}

func notEmpty(code postgres.ErrorCode, kind, name string) *apiError {
	return &apiError{Status: http.StatusBadRequest, Code: code, Message: kind + " '" + name + "' is not empty."}
}

// split takes a name of so many parts apart.
func split(full string, parts int) ([]string, error) {
	names := strings.Split(full, ".")
	if len(names) != parts {
		return nil, invalid("'%s' is not a name of %d parts.", full, parts)
	}
	return names, nil
}

var securableName = regexp.MustCompile(`^[^\x00-\x20\x7f./]{1,255}$`)

// checkSecurable checks a name that a client chose. A volume's name becomes part of paths.
func checkSecurable(field, name string) error {
	if name == "" {
		return invalid("Missing required field: %s", field)
	}
	if !securableName.MatchString(name) {
		return invalid("'%s' in field %s is not a valid name: it must have at most 255 characters, and no space, dot or slash.",
			name, field)
	}
	return nil
}
