package standin

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// The state of a local Lakebase: what state.json holds. It says what there should be; what runs is in runner.go.
//
// A state that was published is never changed again (see store), so that readers need no lock.

// stateVersion is raised when an older lakeward could no longer read state.json, or would forget a part of it. 2 brought
// the catalogs, 3 the permissions of apps, 4 branches of the past, nodes and what limits an instance, 5 which endpoints sleep,
// 6 what is deleted and can be brought back, and which fields of an instance its client has set, 7 snapshots.
const stateVersion = 7

type state struct {
	Version    int          `json:"version"`
	Workspace  string       `json:"workspace_id"`
	Epoch      int64        `json:"credential_epoch,omitempty"` // credentials of an earlier one are expired
	Identities []identity   `json:"identities"`
	Projects   []*project   `json:"projects"`
	Operations []*operation `json:"operations"`
	Catalogs   []*ucCatalog `json:"catalogs"` // nil until the first start with them; of Unity Catalog
	Apps       []*appOf     `json:"apps,omitempty"`
}

// identity is somebody who may use the APIs. A user has a token, a service principal a secret; only hashes are kept.
type identity struct {
	Name       string `json:"name"` // e-mail address or application id: also the PostgreSQL role
	Type       string `json:"type"` // USER or SERVICE_PRINCIPAL
	ID         string `json:"id"`
	Display    string `json:"display_name"`
	SecretHash string `json:"secret_hash"`

	Secrets []secret `json:"secrets,omitempty"` // of a service principal, beside the one that workspace.json has
}

const (
	typeUser             = "USER"
	typeServicePrincipal = "SERVICE_PRINCIPAL"
)

type project struct {
	ID            string          `json:"id"`
	UID           string          `json:"uid"`
	DisplayName   string          `json:"display_name"`
	Owner         string          `json:"owner"`
	OwnerType     string          `json:"owner_type"`
	PgVersion     int             `json:"pg_version"`
	Retention     time.Duration   `json:"retention"`
	Defaults      computeSettings `json:"default_endpoint_settings"` // of endpoints that say nothing themselves
	DefaultBranch string          `json:"default_branch"`
	NativeLogin   bool            `json:"native_login,omitempty"` // roles may log in with PostgreSQL's own passwords
	BudgetPolicy  string          `json:"budget_policy,omitempty"`
	Tags          []tag           `json:"tags,omitempty"`
	Instance      *instance       `json:"instance,omitempty"` // set when it was made through the Database instance API
	Deleting      bool            `json:"deleting,omitempty"` // for good, now
	Deleted       *deletion       `json:"deleted,omitempty"`
	Created       time.Time       `json:"created"`
	Updated       time.Time       `json:"updated"`
	Branches      []*branch       `json:"branches"`
	Snapshots     []*snapshot     `json:"snapshots,omitempty"`
}

// instance is what only the Database instance API asks for.
type instance struct {
	Parent string   `json:"parent,omitempty"` // project id of the instance that this one is a copy of
	Given  []string `json:"given,omitempty"`  // input fields that a client has set, and wants to see again
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// computeSettings are an endpoint's size and how it runs.
type computeSettings struct {
	MinCU        float64           `json:"min_cu"`
	MaxCU        float64           `json:"max_cu"`
	NoSuspension bool              `json:"no_suspension,omitempty"`
	Suspend      time.Duration     `json:"suspend,omitempty"`
	PgSettings   map[string]string `json:"pg_settings,omitempty"`
}

type branch struct {
	ID         string     `json:"id"`
	UID        string     `json:"uid"`
	Source     string     `json:"source,omitempty"` // the branch that it was copied from; maybe another project's
	SourceTime time.Time  `json:"source_time,omitzero"`
	Snapshot   string     `json:"snapshot,omitempty"` // that it was made from, instead
	Moment     *moment    `json:"moment,omitempty"`   // of the source; nil: it was copied as it was
	Fork       pgproc.LSN `json:"fork,omitzero"`      // where in the source's log it was copied; known when it is ready
	Expires    time.Time  `json:"expires,omitzero"`
	Protected  bool       `json:"protected,omitempty"`
	Ready      bool       `json:"ready,omitempty"`    // its data exists
	Deleting   bool       `json:"deleting,omitempty"` // for good, now
	Deleted    *deletion  `json:"deleted,omitempty"`
	Created    time.Time  `json:"created"`
	Updated    time.Time  `json:"updated"`
	Changed    time.Time  `json:"changed"` // when it became ready
	Computes   []*compute `json:"endpoints"`
	Roles      []*role    `json:"roles"`
	Databases  []*pgdb    `json:"databases"`
}

// compute is an endpoint; it has another name here than package endpoint.
type compute struct {
	ID       string          `json:"id"`
	UID      string          `json:"uid"`
	ReadOnly bool            `json:"read_only,omitempty"`
	Settings computeSettings `json:"settings"`
	Disabled bool            `json:"disabled,omitempty"`
	Deleting bool            `json:"deleting,omitempty"`
	Slept    time.Time       `json:"slept,omitzero"` // when somebody last used it; zero while it is awake

	MaxConnections int `json:"max_connections,omitempty"` // of an instance, whatever its size

	Host     netip.Addr `json:"host"`
	Nodes    int        `json:"nodes,omitempty"`         // the primary and its secondaries; 0 means 1
	Readers  bool       `json:"readers,omitempty"`       // the secondaries can be read from
	ReadHost netip.Addr `json:"read_only_host,omitzero"` // and where
	Created  time.Time  `json:"created"`
	Updated  time.Time  `json:"updated"`
}

// role and pgdb, a database, remember the ids by which the APIs call what lives in PostgreSQL, and what it looked like when
// PostgreSQL last ran.
type role struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Identity   string    `json:"identity,omitempty"`
	AuthMethod string    `json:"auth_method"`
	Superuser  bool      `json:"superuser,omitempty"`
	BypassRLS  bool      `json:"bypassrls,omitempty"`
	CreateDB   bool      `json:"createdb,omitempty"`
	CreateRole bool      `json:"createrole,omitempty"`
	Pending    bool      `json:"pending,omitempty"` // not yet made
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

type pgdb struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"` // name of the role in PostgreSQL
	Pending bool      `json:"pending,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// clone returns a deep copy, to be changed and published.
func (s *state) clone() (*state, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c := new(state)
	return c, json.Unmarshal(b, c)
}

// find returns the item for which is holds, or nil.
func find[T any](items []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(items, is); i >= 0 {
		return items[i]
	}
	return nil
}

// without returns items but the one item.
func without[T any](items []*T, item *T) []*T {
	return slices.DeleteFunc(items, func(other *T) bool { return other == item })
}

func (s *state) identity(name string) *identity {
	if i := slices.IndexFunc(s.Identities, func(i identity) bool { return i.Name == name }); i >= 0 {
		return &s.Identities[i]
	}
	return nil
}

func (s *state) project(id string) *project {
	return find(s.Projects, func(p *project) bool { return p.ID == id })
}

func (p *project) branch(id string) *branch {
	return find(p.Branches, func(b *branch) bool { return b.ID == id })
}

func (p *project) defaultBranch() *branch { return p.branch(p.DefaultBranch) }

func (b *branch) compute(id string) *compute {
	return find(b.Computes, func(c *compute) bool { return c.ID == id })
}

// primary is the branch's only read-write endpoint.
func (b *branch) primary() *compute {
	return find(b.Computes, func(c *compute) bool { return !c.ReadOnly })
}

func (b *branch) role(id string) *role {
	return find(b.Roles, func(r *role) bool { return r.ID == id })
}

func (b *branch) roleNamed(name string) *role {
	return find(b.Roles, func(r *role) bool { return r.Name == name })
}

func (b *branch) database(id string) *pgdb {
	return find(b.Databases, func(d *pgdb) bool { return d.ID == id })
}

func (b *branch) databaseNamed(name string) *pgdb {
	return find(b.Databases, func(d *pgdb) bool { return d.Name == name })
}

// Resource names.

func (p *project) name() string { return "projects/" + p.ID }

func (p *project) branchName(b *branch) string { return p.name() + "/branches/" + b.ID }

func (p *project) under(b *branch, collection, id string) string {
	return p.branchName(b) + "/" + collection + "/" + id
}

// branchByName returns the branch called projects/{p}/branches/{b}, or nil.
func (s *state) branchByName(name string) (*project, *branch) {
	for _, p := range s.Projects {
		for _, b := range p.Branches {
			if p.branchName(b) == name {
				return p, b
			}
		}
	}
	return nil, nil
}

// computes calls do with each endpoint until it returns false.
func (s *state) computes(do func(*project, *branch, *compute) bool) {
	for _, p := range s.Projects {
		for _, b := range p.Branches {
			for _, c := range b.Computes {
				if !do(p, b, c) {
					return
				}
			}
		}
	}
}

// computeByUID returns the endpoint with the uid and what it is in, or nils.
func (s *state) computeByUID(uid string) (inProject *project, inBranch *branch, found *compute) {
	s.computes(func(p *project, b *branch, c *compute) bool {
		if c.UID == uid {
			inProject, inBranch, found = p, b, c
		}
		return found == nil
	})
	return inProject, inBranch, found
}
