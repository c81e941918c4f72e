// Package dialect reads SQLite's SQL and writes it as PostgreSQL's.
//
// The first half is a lexer and a parser of SQLite's grammar as SQLite accepts it, oddities included: four ways to quote
// a name, keywords that are names where nothing else fits, table constraints without commas. The second half renders
// what was parsed for PostgreSQL 15 and newer so that it gives the result that SQLite gave: it infers affinities and
// types and writes out the conversions that SQLite makes silently. Where that cannot be done the answer is an
// [*Untranslatable] with a reason, never a guess.
//
// The package knows no database: text goes in, trees and text come out. It starts no goroutines and keeps no state.
package dialect
