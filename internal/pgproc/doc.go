// Package pgproc runs one PostgreSQL: it finds the installed programs, makes a data folder, starts the server as a
// supervised child, stops it, copies a running one into a branch or a standby, promotes a standby and rewinds what was a
// primary.
//
// The server is a foreground child in a process group of its own, and the kernel shuts it down when this process dies,
// even by kill -9. It listens on a unix socket inside its data folder and nowhere else; who may enter the folder is the
// only access control, and package endpoint puts TLS and tokens in front. A server that nevertheless outlived its
// parent is found by the folder it runs in and stopped before the next start.
//
// PostgreSQL refuses to run as root. When this process is root, the server and its tools run as the account that
// LAKEWARD_PG_USER names, else "postgres", and that account owns the data folder.
//
// The package restarts nothing and knows nothing of Lakebase. Every [Server] owns the goroutines that wait for its
// process and read its log; they have ended when [Server.Done] is closed. It needs Linux: /proc and the parent death
// signal.
package pgproc
