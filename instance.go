package lakeward

import "time"

// DefaultDatabase is the database that every Lakebase instance is born with.
const DefaultDatabase = "databricks_postgres"

// DefaultPort is the port of every Lakebase endpoint. The Databricks APIs have no field for it.
const DefaultPort = 5432

// Instance is a PostgreSQL of Lakebase that can be logged in to: what it is called, how it is, how large, and where.
//
// Databricks shows the same object with two faces. Since March 2026 each instance is an Autoscaling project, whose
// production branch has one read-write endpoint; an instance made with the Database instance API answers there too.
// Lakeward shows one noun.
type Instance struct {
	Name     string `json:"name"`
	UID      string `json:"uid"`
	Endpoint string `json:"endpoint,omitempty"` // projects/{p}/branches/{b}/endpoints/{e}; empty where only the Database instance API answers

	State  string `json:"state"`  // the API's own state: ACTIVE, IDLE, INIT, DEGRADED, or STARTING, AVAILABLE, UPDATING, STOPPED, …
	Status Status `json:"status"` // derived from State, see StatusOf

	Host         string `json:"host"`                     // read-write host
	ReadOnlyHost string `json:"read_only_host,omitempty"` // empty without readable secondaries

	// The hosts of Lakebase's own pooler, which takes no tokens; empty where there is none: only projects have them.
	PooledHost         string `json:"pooled_host,omitempty"`
	ReadOnlyPooledHost string `json:"read_only_pooled_host,omitempty"`

	Port     int    `json:"port"`
	Database string `json:"database"`

	Capacity        string    `json:"capacity,omitempty"` // CU_1, CU_2, CU_4, CU_8; empty when the limits below fit none
	MinCU           float64   `json:"min_cu,omitempty"`   // autoscaling limits in compute units of about 2 GB of memory
	MaxCU           float64   `json:"max_cu,omitempty"`
	Nodes           int       `json:"nodes,omitempty"` // 1 primary and 0 to 2 secondaries
	RetentionDays   int       `json:"retention_days,omitempty"`
	SizeLimit       int64     `json:"size_limit,omitempty"`       // of the data in bytes, as the workspace says it
	PostgresVersion string    `json:"postgres_version,omitempty"` // major version, such as "17"
	Creator         string    `json:"creator,omitempty"`
	Created         time.Time `json:"created,omitzero"`

	// Tags of the project. The APIs have no field for what is wrong with an instance: the local Lakebase says it in the tag
	// lakeward:problem.
	Tags map[string]string `json:"tags,omitempty"`
}

// Status is the state of an instance in the five words that the console shows.
type Status string

// The five statuses.
const (
	StatusNotCreated Status = "NOT_CREATED" // the workspace has no instance of that name
	StatusCreating   Status = "CREATING"    // being created, started, or changed
	StatusReady      Status = "READY"       // accepts logins, if need be after waking up
	StatusStopped    Status = "STOPPED"     // must be started first
	StatusError      Status = "ERROR"       // the workspace reports a failure
)

// StatusOf derives the status from the state that either API reports and from whether the endpoint is disabled. It is
// the only place that does. An unknown state is an error of the instance: no state may look ready by accident.
func StatusOf(state string, disabled bool) Status {
	if disabled {
		return StatusStopped
	}
	switch state {
	case "STARTING", "INIT", "UPDATING", "UPGRADING", "FAILING_OVER":
		return StatusCreating
	case "AVAILABLE", "ACTIVE", "IDLE":
		return StatusReady
	case "STOPPED":
		return StatusStopped
	case "", "DELETING", "DELETED":
		return StatusNotCreated
	}
	return StatusError
}
