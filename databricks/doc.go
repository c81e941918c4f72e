// Package databricks reaches a Databricks workspace through the official SDK: it finds, creates and changes Lakebase
// instances and mints credentials for them. [Workspace] implements [lakeward.Workspace].
//
// Databricks has two APIs for the same objects. Since March 2026 each instance is a project of the Autoscaling API
// (/api/2.0/postgres), and the Database instance API (/api/2.0/database) is a second face of it. This package asks the
// first and goes to the second where the first has no such project or is not there at all. It shows one noun, the
// instance. The local Lakebase answers both APIs and needs no code of its own here.
//
// A name is an instance's name, or the path of a branch or an endpoint: projects/shop/branches/dev. Slow calls poll and
// report each state to their [lakeward.Progress]; they start no goroutines that outlive them.
package databricks
