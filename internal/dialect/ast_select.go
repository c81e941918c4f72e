package dialect

// Select is a SELECT with everything around it: common table expressions, compound operators, order and limit.
type Select struct {
	With          *With
	Cores         []*Core  // one, or more with an operator between each two
	Ops           []string // UNION, UNION ALL, INTERSECT, EXCEPT
	OrderBy       []OrderTerm
	Limit, Offset Expr
	Span
}

// With is a WITH clause.
type With struct {
	Recursive bool
	Tables    []CommonTable
}

// CommonTable is one common table expression.
type CommonTable struct {
	Name         string
	Columns      []string
	Materialized string // MATERIALIZED, NOT MATERIALIZED or empty
	Select       *Select
}

// Core is one SELECT … FROM … or VALUES of a compound.
type Core struct {
	Distinct bool
	Columns  []ResultColumn
	From     []Source
	Where    Expr
	GroupBy  []Expr
	Having   Expr
	Windows  []NamedWindow
	Values   [][]Expr // VALUES (…), (…): then nothing else is set
	Span
}

// ResultColumn is one element of a SELECT's list: an expression, * or table.*.
type ResultColumn struct {
	Expr  Expr
	Alias string
	Star  bool
	Table string // of table.*
	Text  string // the expression as written: what SQLite names an output column without an alias after
}

// Source is one table of a FROM clause with the operator that joins it to everything on its left. Exactly one of Table,
// Select and Nested is set.
type Source struct {
	Join          Join
	Schema, Table string
	Args          []Expr // of a table-valued function
	Function      bool   // Table is a table-valued function
	Select        *Select
	Nested        []Source // a join in parentheses
	Alias         string
	On            Expr
	Using         []string
	IndexedBy     string
	NotIndexed    bool
	Span
}

// Join is a join operator.
type Join struct {
	Kind    JoinKind
	Natural bool
}

// JoinKind is the kind of a join; empty for the first table.
type JoinKind string

// The kinds of joins.
const (
	CommaJoin JoinKind = ","
	InnerJoin JoinKind = "JOIN"
	CrossJoin JoinKind = "CROSS JOIN"
	LeftJoin  JoinKind = "LEFT JOIN"
	RightJoin JoinKind = "RIGHT JOIN"
	FullJoin  JoinKind = "FULL JOIN"
)

// OrderTerm is one element of an ORDER BY. Nulls is FIRST, LAST or empty.
type OrderTerm struct {
	Expr  Expr
	Desc  bool
	Nulls string
}

// Window is a window: OVER name, or OVER (…), or a definition in a WINDOW clause.
type Window struct {
	Name        string // OVER name, without parentheses
	Base        string // OVER (base …)
	PartitionBy []Expr
	OrderBy     []OrderTerm
	Frame       *Frame
}

// NamedWindow is one definition of a WINDOW clause.
type NamedWindow struct {
	Name   string
	Window *Window
}

// Frame is the frame of a window.
type Frame struct {
	Unit       string // ROWS, RANGE, GROUPS
	Start, End Bound  // End.Kind is empty when only the start was written
	Exclude    string // NO OTHERS, CURRENT ROW, GROUP, TIES or empty
}

// Bound is an end of a frame: UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING, UNBOUNDED FOLLOWING.
type Bound struct {
	Kind string
	Expr Expr // of PRECEDING and FOLLOWING
}
