package dialect

// TriggerStatement is one statement in the body of a trigger. Exactly one of the others is set beside Text, or Err says
// where the text stopped being SQLite's SQL.
type TriggerStatement struct {
	Text   string
	Insert *Insert
	Update *Update
	Delete *Delete
	Select *Select
	Err    error
}

// Insert is an INSERT or REPLACE statement.
type Insert struct {
	With    *With
	Or      string // REPLACE, IGNORE, … or empty
	Table   string
	Alias   string
	Columns []string // empty means all
	Select  *Select  // also of VALUES; nil for DEFAULT VALUES
	Upserts []Upsert
}

// Upsert is an ON CONFLICT clause of an INSERT.
type Upsert struct {
	Columns []IndexedColumn // empty: any conflict
	Filter  Expr            // of the conflict's target
	Nothing bool
	Set     []Assignment
	Where   Expr
}

// Assignment is column = value, or (column, …) = value.
type Assignment struct {
	Columns []string
	Value   Expr
}

// Update is an UPDATE statement.
type Update struct {
	With  *With
	Or    string
	Table string
	Alias string
	Set   []Assignment
	From  []Source
	Where Expr
}

// Delete is a DELETE statement.
type Delete struct {
	With  *With
	Table string
	Alias string
	Where Expr
}
