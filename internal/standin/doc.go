// Package standin is the local Lakebase: one server for both Databricks REST APIs of Lakebase, over real PostgreSQL. The
// official SDKs and the Databricks CLI work against it unchanged, because it answers with the Go SDK's own structs: a
// change of the API is a compile error here.
//
// The Autoscaling API (projects, branches, endpoints, roles, databases, operations) is the model; the Database instance
// API is a second face of the same objects. Each endpoint is a PostgreSQL of its own (see package endpoint) on a loopback
// address of its own, because the APIs have no field for a port.
//
// What it says is true. An endpoint is ACTIVE when its PostgreSQL has accepted a token; a change is done when PostgreSQL
// has done it; what the real service has and the local one has not is refused by name, with NOT_IMPLEMENTED. Three things
// differ from the real service on purpose: a deleted project or branch is gone at once; a read-only endpoint streams from
// the read-write one and rests while that is stopped; and the version of PostgreSQL is the one that is installed. Why an endpoint is DEGRADED stands in the custom tag
// lakeward:problem of its project, because the APIs have no field for it.
//
// Of Unity Catalog there are catalogs, schemas and managed volumes, and the Files API for what is in volumes: what backups
// need. Every identity may do everything there. A new workspace has the catalogs main and users with a schema default.
//
// Of Databricks Apps there is who has which permission on an app, and of SCIM who the caller is and the list of users: what
// tells who manages an app. An app exists once its permissions were set; whom they name is not checked.
//
// A [Lakebase] owns its goroutines and its PostgreSQL processes; after [Lakebase.Close] there are none.
package standin
