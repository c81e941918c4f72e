// Package dialect reads SQLite's SQL and writes it as PostgreSQL's.
//
// The first half is a lexer and a parser of SQLite's grammar as SQLite accepts it, oddities included: four ways to
// quote a name, keywords that are names where nothing else fits, table constraints without commas. The second half
// renders what was parsed for PostgreSQL 15 and newer so that it gives the result that SQLite gave: it infers
// affinities and types and writes out the conversions that SQLite makes silently. Where that cannot be done the answer
// is an [*Untranslatable] with a reason, never a guess.
//
// Four things are not kept, on purpose. Decimals are computed as decimals, so they differ from SQLite's doubles in the
// 16th digit. An integer that leaves 64 bits, and a text in a form of time that only SQLite reads, are errors in
// PostgreSQL. A value taken out of JSON leaves a view as text, because a column of PostgreSQL has one type. And flags
// that a view computes are 0 and 1, dates and times that it computes are texts, as in SQLite, while columns keep the
// types that they have become.
//
// The package knows no database: text goes in, trees and text come out. It starts no goroutines and keeps no state.
package dialect
