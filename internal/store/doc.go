// Package store is the memory of the server: operations and their events, settings, and who changed what. It is a
// SQLite file, or a schema of a PostgreSQL, which can be an instance of Lakebase itself. Both hold the same tables and
// answer the same statements.
//
// The store also says who works on what: see [Store.Claim].
package store
