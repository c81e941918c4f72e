// Package lakeward connects an application to its database on Databricks Lakebase and keeps it connected.
//
// Lakebase is PostgreSQL whose passwords are tokens: each is minted by a Databricks workspace for one identity, and
// stops being good for a login after an hour. An application that puts one into a DSN works for an hour. This package
// gives it connections instead, each of which logs in with a token that is good at that moment.
//
// # Connecting
//
// A [Connector] makes connections to one instance, which it finds by name. It needs a [Workspace]; package databricks
// opens one from the usual DATABRICKS_… variables or a profile, in a notebook, a job, a Databricks App, or on a laptop:
//
//	ws, err := databricks.Open(ctx, databricks.Config{})
//	if err != nil {
//		return err
//	}
//	connector := lakeward.NewConnector(ws, "shop", lakeward.ConnectOptions{Schema: "orders"})
//
// It speaks pgx and database/sql:
//
//	conn, err := connector.Connect(ctx) // *pgx.Conn
//	pool, err := connector.Pool(ctx)    // *pgxpool.Pool
//	db := connector.DB()                // *sql.DB
//	cfg, err := connector.Config(ctx)   // *pgx.ConnConfig, for everything else
//
// # Tokens
//
// A [Rotator] mints credentials late, shares one between all logins, replaces it fifteen minutes before it expires, and
// keeps using one that is still good while the workspace cannot be reached. PostgreSQL looks at a token at login only:
// an open session outlives it. A login that is refused all the same, because a token was revoked or a clock is wrong, is
// repeated once with a new token; the application does not notice.
//
// Tokens have the type [Secret], which does not show itself when it is printed, logged or marshalled.
//
// # Tracing
//
// A Tracer in [ConnectOptions] sees logins and queries as pgx's tracers do, and the minting of credentials when it is a
// [CredentialTracer]. [NewLogTracer] writes all of that to a [log/slog.Logger], without the tokens.
//
// # TLS
//
// Every connection is encrypted, and by default the server's certificate and name are verified against the
// system's certificate authorities, or those in PGSSLROOTCERT. PGSSLMODE can loosen that to require, as a Databricks App
// does, but not to plaintext: a password travels on this connection.
//
// # Errors
//
// Errors are of type [Error]: a [Kind] that says what the caller can do, and a hint that says what a person can do, such
// as starting an instance that is stopped. [KindOf] and [HintOf] find them in a chain, and [ReasonOf] says more closely why
// there is no session: the instance is asleep, a role or a grant is missing, nobody answers. What a pool returns when it
// makes another connection later is pgx's own error, until [Connector.Explain] is asked what it means.
//
// There is no fallback. An instance that cannot be reached is an error, never another database.
//
// # Testing
//
// Package lakewardtest starts a local Lakebase, real PostgreSQL behind the same APIs, for an application's own tests.
package lakeward
