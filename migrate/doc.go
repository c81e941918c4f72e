// Package migrate moves a database into Lakebase with nothing lost, and proves it.
//
// A migration has three steps that can be called apart. [MakePlan] reads every value of the source once and decides
// what each table and column becomes. [Run] obeys the plan: it loads into a staging schema, builds keys and indexes,
// verifies the content of every row and swaps the result in with one transaction, so that a failed or killed run leaves
// source and target as they were. [Verify] compares source and target again, at any time, by code that the load does
// not share.
//
// A row that PostgreSQL cannot hold goes to the table lakeward_quarantine with its table, key, column and reason, and is
// counted in the [Report]. The package needs no superuser on the target.
package migrate
