// Package observe lets an operator see what a server does: structured logs that carry the ids of the request and the
// operation, Prometheus metrics, liveness and readiness, and OpenTelemetry traces when a collector is named.
//
// It knows nothing of Lakebase: what is worth checking and counting is handed in.
package observe
