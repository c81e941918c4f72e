package dialect

// Span is the place of a node in the text it was parsed from: bytes Start to End.
type Span struct{ Start, End int }

// Range returns the span itself; every node embeds one.
func (s Span) Range() Span { return s }

// Of returns the text of the node in the statement that it was parsed from.
func (s Span) Of(sql string) string { return sql[s.Start:s.End] }

// CreateTable is a CREATE TABLE statement.
type CreateTable struct {
	Schema, Name         string
	Temporary            bool
	IfNotExists          bool
	Columns              []ColumnDef
	Constraints          []TableConstraint
	WithoutRowID, Strict bool
	As                   *Select // CREATE TABLE … AS SELECT, then there are no columns
}

// ColumnDef is one column of a CREATE TABLE with everything that its own constraints say.
type ColumnDef struct {
	Name, Type     string // the type as written, without constraints; may be empty
	PrimaryKey     bool
	PrimaryKeyDesc bool // INTEGER PRIMARY KEY DESC is not an alias of the rowid
	AutoIncrement  bool
	NotNull        bool
	Unique         bool
	Default        Expr   // nil if none
	DefaultText    string // as written, with the parentheses of an expression
	Collate        string
	Checks         []Check
	References     *ForeignKey
	Generated      Expr
	GeneratedText  string // as written, without the parentheses
	Stored         bool   // of a generated column: STORED, not VIRTUAL
	OnConflict     Conflicts
	Span
}

// Conflicts are the ON CONFLICT clauses of a column's constraints: ROLLBACK, ABORT, FAIL, IGNORE, REPLACE or empty.
type Conflicts struct{ PrimaryKey, NotNull, Unique string }

// Check is a CHECK constraint. Text is its expression as written.
type Check struct {
	Name string
	Expr Expr
	Text string
}

// ForeignKey is a REFERENCES clause. Actions are in upper case, empty when not written; References is empty when the
// parent's primary key is meant.
type ForeignKey struct {
	Name                          string
	Columns                       []string
	Table                         string
	References                    []string
	OnDelete, OnUpdate            string
	Match                         string
	Deferrable, InitiallyDeferred bool
}

// TableConstraint is a constraint of a table; which fields are set follows from its kind.
type TableConstraint struct {
	Kind          ConstraintKind
	Name          string
	Columns       []IndexedColumn // of a primary key and a unique constraint
	AutoIncrement bool
	OnConflict    string
	Check         *Check
	ForeignKey    *ForeignKey
	Span
}

// ConstraintKind is the kind of a table constraint.
type ConstraintKind string

// The kinds of table constraints.
const (
	PrimaryKeyConstraint ConstraintKind = "PRIMARY KEY"
	UniqueConstraint     ConstraintKind = "UNIQUE"
	CheckConstraint      ConstraintKind = "CHECK"
	ForeignKeyConstraint ConstraintKind = "FOREIGN KEY"
)

// IndexedColumn is one element of a key or an index. Name is set when it is a plain column.
type IndexedColumn struct {
	Name    string
	Expr    Expr   // without a COLLATE around it
	Text    string // the expression as written
	Collate string
	Desc    bool
}

// CreateIndex is a CREATE INDEX statement.
type CreateIndex struct {
	Schema, Name, Table string
	Unique, IfNotExists bool
	Columns             []IndexedColumn
	Where               Expr   // nil if the index is not partial
	WhereText           string // as written
}

// CreateView is a CREATE VIEW statement. Text is the SELECT as written.
type CreateView struct {
	Schema, Name string
	Temporary    bool
	IfNotExists  bool
	Columns      []string // the names in parentheses after the view's, mostly none
	Select       *Select
	Text         string
	source       string // the whole statement: output columns are named after their text
}

// CreateTrigger is a CREATE TRIGGER statement. Its body is kept as text, which Statements parses.
type CreateTrigger struct {
	Schema, Name, Table string
	Temporary           bool
	IfNotExists         bool
	Timing              string // BEFORE, AFTER, INSTEAD OF; BEFORE when not written
	Event               string // INSERT, UPDATE, DELETE
	UpdateOf            []string
	When                Expr // nil if none
	WhenText            string
	Body                string // between BEGIN and END
}

// CreateVirtualTable is a CREATE VIRTUAL TABLE statement. Arguments are kept as written.
type CreateVirtualTable struct {
	Schema, Name, Module string
	IfNotExists          bool
	Args                 []string
}

// Expr is an expression.
type Expr interface {
	Range() Span
	expr()
}

// The expressions.
type (
	// Literal is a constant. Text is a string's value, a number as written (without underscores), a blob's digits.
	Literal struct {
		Kind LiteralKind
		Text string
		Span
	}
	// ColumnRef is a name that stands for a column, or for a string when it is in double quotes and no column fits.
	ColumnRef struct {
		Schema, Table, Column string
		Quote                 byte // of Column: 0 when it was a bare word
		Span
	}
	// Variable is a parameter: ?, ?1, :name, @name, $name.
	Variable struct {
		Name string
		Span
	}
	// Unary is -x, +x, ~x, NOT x, x ISNULL or x NOTNULL.
	Unary struct {
		Op string
		X  Expr
		Span
	}
	// Binary is x op y. Op is in one spelling: = for ==, <> for !=, IS for IS NOT DISTINCT FROM.
	Binary struct {
		Op   string
		L, R Expr
		Span
	}
	// Like is x [NOT] LIKE|GLOB|REGEXP|MATCH y [ESCAPE z].
	Like struct {
		Op     string
		Not    bool
		L, R   Expr
		Escape Expr
		Span
	}
	// Between is x [NOT] BETWEEN low AND high.
	Between struct {
		Not          bool
		X, Low, High Expr
		Span
	}
	// In is x [NOT] IN (list), IN (select) or IN table.
	In struct {
		Not    bool
		X      Expr
		List   []Expr // when neither Select nor Table is set; may be empty
		Select *Select
		Table  *Source
		Span
	}
	// Exists is EXISTS (select).
	Exists struct {
		Select *Select
		Span
	}
	// Subquery is a SELECT used as a value.
	Subquery struct {
		Select *Select
		Span
	}
	// Case is CASE [operand] WHEN … THEN … [ELSE …] END.
	Case struct {
		Operand Expr
		Whens   []When
		Else    Expr
		Span
	}
	// Cast is CAST(x AS type).
	Cast struct {
		X    Expr
		Type string
		Span
	}
	// Collate is x COLLATE name.
	Collate struct {
		X    Expr
		Name string
		Span
	}
	// Call is a call of a function, an aggregate or a window function.
	Call struct {
		Name     string
		Distinct bool
		Star     bool
		Args     []Expr
		OrderBy  []OrderTerm
		Filter   Expr
		Over     *Window
		Span
	}
	// Row is a row value: (a, b).
	Row struct {
		Items []Expr
		Span
	}
	// Raise is RAISE(action, message), in triggers.
	Raise struct {
		Action  string
		Message Expr
		Span
	}
)

// LiteralKind is the kind of a literal.
type LiteralKind string

// The kinds of literals. True and False occur only in a DEFAULT; elsewhere these words may be columns.
const (
	NullLiteral      LiteralKind = "NULL"
	IntegerLiteral   LiteralKind = "integer"
	FloatLiteral     LiteralKind = "float"
	StringLiteral    LiteralKind = "string"
	BlobLiteral      LiteralKind = "blob"
	TrueLiteral      LiteralKind = "TRUE"
	FalseLiteral     LiteralKind = "FALSE"
	CurrentDate      LiteralKind = "CURRENT_DATE"
	CurrentTime      LiteralKind = "CURRENT_TIME"
	CurrentTimestamp LiteralKind = "CURRENT_TIMESTAMP"
)

// When is one WHEN … THEN … of a CASE.
type When struct{ When, Then Expr }

func (*Literal) expr()   {}
func (*ColumnRef) expr() {}
func (*Variable) expr()  {}
func (*Unary) expr()     {}
func (*Binary) expr()    {}
func (*Like) expr()      {}
func (*Between) expr()   {}
func (*In) expr()        {}
func (*Exists) expr()    {}
func (*Subquery) expr()  {}
func (*Case) expr()      {}
func (*Cast) expr()      {}
func (*Collate) expr()   {}
func (*Call) expr()      {}
func (*Row) expr()       {}
func (*Raise) expr()     {}
