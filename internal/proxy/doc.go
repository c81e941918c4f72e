// Package proxy gives every PostgreSQL client, in any language, a local address that needs no token: clients come without
// TLS, with a static DSN, and the proxy logs in to the instance with TLS and a credential that is good at that moment.
//
// A client is one session on the instance. After its login the proxy relays bytes, of all sessions in one loop over epoll,
// because a goroutine for each costs half as much processor time again. It reads the heads of messages as they pass, and so
// knows at any time whether the session is between two transactions. On that stand the routes: a route can be paused,
// switched to another instance and resumed, and its clients notice a moment of waiting.
//
// Where a login fails for a reason that passes (the instance sleeps, starts, fails over, or has no connection left) the
// client waits. Every goroutine belongs to a call of [Server.Run], which returns when all of them have ended.
package proxy
