// A small application on GORM: `create FILE` fills a SQLite database; `start WHERE` prints what GORM's AutoMigrate changes;
// `use WHERE` reads the database, goes on writing and prints what it saw, which is the same on SQLite and on what
// PostgreSQL got from it.
//
// The models and the queries know nothing of the database they run on.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"gorm.io/datatypes"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// Author, Book, Tag and Review are the models; Money and Address are embedded.
type Author struct {
	gorm.Model
	Name     string  `gorm:"not null;index;size:80"`
	Email    *string `gorm:"unique;type:varchar(120)"`
	Active   bool    `gorm:"not null;default:true"`
	Maybe    *bool
	Born     *datatypes.Date
	Nick     sql.NullString
	Seen     sql.NullTime
	Address  Address           `gorm:"embedded;embeddedPrefix:address_"`
	Settings map[string]string `gorm:"serializer:json"`
	MentorID *uint
	Mentor   *Author  `gorm:"constraint:OnDelete:SET NULL"`
	Books    []Book   `gorm:"constraint:OnUpdate:CASCADE,OnDelete:CASCADE"`
	Reviews  []Review `gorm:"polymorphic:Subject"`
}

type Address struct {
	City string
	Zip  string `gorm:"size:10"`
}

type Book struct {
	ID        uint64         `gorm:"primaryKey"`
	Ref       datatypes.UUID `gorm:"uniqueIndex"`
	AuthorID  uint           `gorm:"not null;uniqueIndex:one_title"`
	Author    Author         `json:"-"`
	Title     string         `gorm:"not null;uniqueIndex:one_title"`
	Blurb     string         `gorm:"not null;default:''"`
	Kind      string         `gorm:"type:varchar(10);not null;default:paper;check:kind_known,kind IN ('paper','cloth')"`
	Price     float64        `gorm:"type:decimal(10,2);not null;default:0;check:price_known,price >= 0"`
	Weight    float64
	Height    *float32
	Pages     int
	Stock     int32
	Shelf     int16
	Sold      int64 `gorm:"not null;default:0"`
	Copies    uint32
	Sale      bool `gorm:"index"`
	Opens     *datatypes.Time
	Released  time.Time
	Due       *time.Time `gorm:"type:date"`
	Measured  time.Time
	Data      datatypes.JSON
	Extra     datatypes.JSONMap
	Labels    datatypes.JSONSlice[string]
	Cover     []byte
	Tags      []Tag    `gorm:"many2many:book_tags"`
	Reviews   []Review `gorm:"polymorphic:Subject"`
	CreatedAt time.Time
	UpdatedAt int64          `gorm:"autoUpdateTime:milli"`
	DeletedAt gorm.DeletedAt `gorm:"index"`
}

type Tag struct {
	Code string `gorm:"primaryKey;size:8"`
	Name string
}

type Review struct {
	ID          uint
	SubjectID   uint
	SubjectType string
	Stars       int8 `gorm:"check:stars BETWEEN 1 AND 5"`
	Body        string
}

// at is in the zone of the machine, as what time.Now returns: SQLite compares times as text.
var at = time.Date(2024, 1, 31, 22, 30, 5, 123456000, time.Local)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: shop create|start|use DATABASE")
	}
	var dialector gorm.Dialector = sqlite.Open(os.Args[2] + "?_foreign_keys=on")
	if strings.HasPrefix(os.Args[2], "postgres") {
		dialector = postgres.Open(os.Args[2])
	}
	ddl := &statements{Interface: logger.Discard}
	db, err := gorm.Open(dialector, &gorm.Config{TranslateError: true, Logger: ddl})
	check(err)
	// As applications do each time they start.
	check(db.AutoMigrate(&Author{}, &Tag{}, &Book{}, &Review{}))
	switch os.Args[1] {
	case "create":
		create(db)
	case "start":
		for _, change := range ddl.changes {
			fmt.Println(change)
		}
	case "use":
		read(db)
		write(db)
	default:
		log.Fatal("usage: shop create|start|use DATABASE")
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// statements remembers the statements that change the schema.
type statements struct {
	logger.Interface
	changes []string
}

func (s *statements) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	sql, _ := statement()
	for _, verb := range []string{"CREATE", "ALTER", "DROP"} {
		if strings.HasPrefix(sql, verb) {
			s.changes = append(s.changes, sql)
		}
	}
}

func (s *statements) LogMode(logger.LogLevel) logger.Interface { return s }

func ptr[T any](v T) *T { return &v }

func create(db *gorm.DB) {
	ada := Author{
		Name: "Ada", Email: ptr("ada@example.com"), Active: true, Born: ptr(datatypes.Date(time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC))),
		Nick: sql.NullString{String: "the first", Valid: true}, Seen: sql.NullTime{Time: at.In(time.FixedZone("", 5*3600+1800)), Valid: true},
		Address: Address{"London", "W1"}, Settings: map[string]string{"theme": "dark"},
		Reviews: []Review{{Stars: 5, Body: "a person\n\U0001F4D6 \\ 'quoted'"}},
	}
	check(db.Create(&ada).Error)
	bob := Author{Name: "Bob", Email: ptr("bob@example.com"), Maybe: ptr(false), MentorID: &ada.ID}
	check(db.Create(&bob).Error)
	check(db.Model(&bob).Update("active", false).Error)
	tags := []Tag{{"old", "Old"}, {"new", "New"}}
	check(db.Create(&tags).Error)
	for n := range 5 {
		f := float64(n)
		book := Book{
			Ref: datatypes.NewUUIDv4(), AuthorID: []uint{bob.ID, ada.ID}[n%2], Title: fmt.Sprint("Book ", n), Kind: []string{"cloth", "paper"}[min(n, 1)],
			Price: 19.9 + f, Weight: 0.1 * f, Pages: 100 * n, Stock: int32(n), Shelf: int16(-n), Sold: 1<<40 + int64(n), Copies: 1<<32 - 1,
			Sale: n > 2, Opens: ptr(datatypes.NewTime(8, n, 0, 0)), Released: at.AddDate(0, 0, n), Measured: at.Add(time.Duration(n) * time.Second),
			Data:  datatypes.JSON(fmt.Sprintf(`{"n": %d, "deep": {"x": "%d"}, "tags": ["a", "b"]}`, n, n)),
			Extra: datatypes.JSONMap{"k": f}, Labels: []string{"a", fmt.Sprint(n)}, Cover: make([]byte, n), Tags: tags[n%2 : n%2+1],
			Reviews: make([]Review, 0),
		}
		if n > 0 {
			book.Height = ptr(float32(n) / 4)
			book.Due = ptr(time.Date(2024, 2, 27+n, 0, 0, 0, 0, time.UTC))
			book.Reviews = []Review{{Stars: int8(n), Body: fmt.Sprint("of book ", n)}}
		}
		check(db.Create(&book).Error)
	}
	gone := Book{Ref: datatypes.NewUUIDv4(), AuthorID: ada.ID, Title: "Gone", Data: datatypes.JSON(`null`)}
	check(db.Create(&gone).Error)
	check(db.Delete(&gone).Error)
}

// show prints what JSON makes of the values.
func show(what string, values ...any) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		check(enc.Encode(v))
	}
	fmt.Printf("%s: %s\n", what, strings.ReplaceAll(strings.TrimSpace(b.String()), "\n", ", "))
}

// found returns one column of what a query finds.
func found[T any](query *gorm.DB, column string) (values []T) {
	check(query.Pluck(column, &values).Error)
	return values
}

func count(query *gorm.DB) (n int64) {
	check(query.Count(&n).Error)
	return n
}

// moment is a time without what a driver adds and a database drops: the zone that it is told in, and its nanoseconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (b Book) moments() Book {
	b.Released, b.Measured = moment(b.Released), moment(b.Measured)
	b.CreatedAt, b.DeletedAt.Time = moment(b.CreatedAt), moment(b.DeletedAt.Time)
	if b.Due != nil {
		b.Due = ptr(moment(*b.Due))
	}
	return b
}

func read(db *gorm.DB) {
	var authors []Author
	check(db.Preload("Reviews").Preload("Mentor").Order("id").Find(&authors).Error)
	for _, a := range authors {
		show("author", a.ID, a.Name, a.Email, a.Active, a.Maybe, a.Born, a.Nick, a.Seen.Valid, moment(a.Seen.Time), a.Address, a.Settings, a.MentorID,
			a.Reviews, a.Mentor != nil && a.Mentor.Name == "Ada", moment(a.CreatedAt), moment(a.UpdatedAt), a.DeletedAt)
	}
	var books []Book
	check(db.Unscoped().Preload("Tags").Preload("Reviews").Joins("Author").Order("books.id").Find(&books).Error)
	for _, b := range books {
		show("book", b.moments(), b.Author.Name)
	}

	book, author := func() *gorm.DB { return db.Model(&Book{}).Order("books.id") }, func() *gorm.DB { return db.Model(&Author{}).Order("authors.id") }
	show("active", found[string](author().Where(&Author{Active: true}), "name"), found[string](author().Where("active = ?", false), "name"),
		found[string](author().Where("NOT active"), "name"), found[string](author().Where("maybe IS NULL"), "name"))
	show("sale", found[int](book().Where("sale"), "id"), found[int](book().Where(map[string]any{"sale": false}), "id"))
	show("born", found[string](author().Where("born < ?", datatypes.Date(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC))), "name"))
	show("due", found[int](book().Where("due BETWEEN ? AND ?", books[1].Due, books[3].Due), "id"), found[int](book().Where("due IS NULL"), "id"))
	show("released", found[int](book().Where("released > ? AND released <= ?", at, at.AddDate(0, 0, 3)), "id"), found[int](book().Where(&Book{Released: at}), "id"))
	show("measured", found[int](book().Where("measured >= ?", books[2].Measured), "id"))
	show("opens", found[int](book().Where("opens > ?", datatypes.NewTime(8, 2, 0, 0)), "id"))
	show("prices", found[int](book().Where("price > ?", 21.0), "id"), found[int](book().Where("price = ?", 20.9), "id"),
		found[float64](db.Model(&Book{}), "sum(price)"), found[float64](book().Order("price"), "price"))
	show("numbers", found[int](book().Where("weight < ?", 0.25), "id"), found[int64](db.Model(&Book{}), "sum(pages)"), found[int64](db.Model(&Book{}), "max(sold)"),
		found[int](book().Where("copies = ?", uint32(1<<32-1)), "id"), found[float64](book(), "weight"), found[float32](book().Where("height > 0"), "height"))
	show("data", found[int](book().Where(datatypes.JSONQuery("data").Equals("3", "deep", "x")), "id"), count(book().Where(datatypes.JSONQuery("data").HasKey("tags"))))
	show("refs", found[int](book().Where("ref = ?", books[2].Ref), "id"), found[int](book().Where(&Book{Ref: books[3].Ref}), "id"))
	show("names", found[string](author().Where("lower(name) LIKE ?", "a%"), "name"), found[string](author().Where("email IN ?", []string{"bob@example.com"}), "name"))
	var sums []struct {
		Name  string
		Pages int64
	}
	check(db.Model(&Book{}).Select("authors.name, sum(pages) AS pages").Joins("JOIN authors ON authors.id = books.author_id").
		Group("authors.name").Having("count(*) > ?", 1).Order("authors.name").Scan(&sums).Error)
	show("sums", sums)
	show("tagged", found[string](book().Joins("JOIN book_tags ON book_tags.book_id = books.id").Where("tag_code = ?", "old"), "title"),
		db.Model(&authors[0]).Association("Books").Count())
}

func write(db *gorm.DB) {
	cyd := Author{Name: "Cyd", Settings: map[string]string{}, Books: []Book{{
		Ref: datatypes.NewUUIDv4(), Title: "New", Price: 1.1, Released: at, Data: datatypes.JSON(`[1, null]`), Cover: []byte{0, 255},
		Tags: []Tag{{"third", "Third"}}, Reviews: []Review{{Stars: 3}},
	}}}
	check(db.Create(&cyd).Error)
	book := cyd.Books[0]
	show("new", cyd.ID, book.ID, book.Reviews[0].ID, cyd.Active, book.Kind, time.Since(book.CreatedAt) < time.Hour)
	check(db.Model(&book).Updates(map[string]any{"sold": gorm.Expr("sold + ?", 1<<41), "sale": true, "due": time.Date(2024, 12, 24, 0, 0, 0, 0, time.UTC), "price": 2.345}).Error)
	check(db.Model(&book).Select("Extra", "Pages", "Weight").Updates(Book{Extra: datatypes.JSONMap{"v": 1.5}, Pages: 7, Weight: 1e-7}).Error)
	var again Book
	check(db.Preload("Tags").First(&again, book.ID).Error)
	again.CreatedAt, again.UpdatedAt, again.Ref = time.Time{}, 0, datatypes.UUID{}
	again.Price = 0 // 2.345 in SQLite, which rounds nothing
	show("updated", again.moments(), found[int](db.Model(&Book{}).Where("price BETWEEN 2.3 AND 2.4"), "id"))
	check(db.Model(&cyd).Update("active", false).Error)
	check(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, UpdateAll: true}).Create(&[]Tag{{"old", "Older"}, {"fourth", "4th"}}).Error)
	show("tags", found[string](db.Model(&Tag{}).Order("code"), "name"), found[string](db.Model(&Author{}).Where("NOT active").Order("id"), "name"))

	var made Author
	check(db.Where(Author{Name: "Dee"}).Attrs(Author{Nick: sql.NullString{String: "d", Valid: true}}).FirstOrCreate(&made).Error)
	show("found or made", made.ID, made.Active, made.Nick)
	for _, broken := range []any{
		&Author{Name: "Eve", Email: ptr("ada@example.com")}, &Book{AuthorID: cyd.ID, Title: "New", Ref: datatypes.NewUUIDv4()},
		&Book{AuthorID: cyd.ID, Title: "Less", Price: -1, Ref: datatypes.NewUUIDv4()}, &Book{AuthorID: 999, Title: "None", Ref: datatypes.NewUUIDv4()},
		&Book{AuthorID: cyd.ID, Title: "Wrong", Kind: "stone", Ref: datatypes.NewUUIDv4()}, &Review{Stars: 6}, &Tag{Code: "old"},
	} {
		err := db.Transaction(func(tx *gorm.DB) error { return tx.Create(broken).Error })
		kind := "another" // GORM does not know the checks of SQLite
		for _, known := range []error{gorm.ErrDuplicatedKey, gorm.ErrForeignKeyViolated} {
			if errors.Is(err, known) {
				kind = known.Error()
			}
		}
		show("refused", err != nil, kind)
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		check(tx.Model(&Author{}).Where("true").Update("name", "gone").Error)
		check(tx.SavePoint("here").Error)
		check(tx.Unscoped().Delete(&made).Error)
		check(tx.RollbackTo("here").Error)
		return errors.New("no")
	})
	show("rolled back", err.Error(), found[string](db.Model(&Author{}).Order("id"), "name"))
	check(db.Delete(&made).Error)
	show("deleted", count(db.Model(&Author{})), count(db.Unscoped().Model(&Author{})), found[int](db.Unscoped().Model(&Author{}).Where("deleted_at > ?", at), "id"))
	check(db.Model(&book).Association("Tags").Clear())
	check(db.Select("Reviews").Delete(&book).Error)
	check(db.Unscoped().Delete(&cyd).Error)
	show("left", count(db.Model(&Author{})), count(db.Unscoped().Model(&Book{})), count(db.Model(&Review{})), count(db.Table("book_tags")))
}
