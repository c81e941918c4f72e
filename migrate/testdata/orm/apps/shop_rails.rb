# A small application on Rails' ActiveRecord: `create FILE` fills a SQLite database; `use WHERE` reads it, goes on writing
# and prints what it saw, which is the same on SQLite and on what PostgreSQL got from it.
#
# The models, the schema and the queries know nothing of the database they run on.

require "active_record"
require "bigdecimal"
require "logger"
require "uri"

mode, where = ARGV
ActiveRecord::Base.default_timezone = :utc
Time.zone = "Europe/Berlin"
ActiveRecord::Base.time_zone_aware_attributes = true
if where.start_with?("postgres")
  url = URI.parse(where)
  query = URI.decode_www_form(url.query).to_h
  ActiveRecord::Base.establish_connection(adapter: "postgresql", database: url.path[1..], host: query["host"], username: query["user"])
else
  ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: where)
end
ActiveRecord::Migration.verbose = false

AT = Time.utc(2024, 1, 31, 22, 30, Rational(123_456, 1_000_000) + 5)

class Author < ActiveRecord::Base
  has_many :books, -> { order(:id) }, dependent: :destroy
  has_many :notes, as: :subject
  belongs_to :mentor, class_name: "Author", optional: true
  enum role: { reader: 0, writer: 1, editor: 2 }
  enum plan: { free: "free", paid: "paid" }, _prefix: true
  store :options, accessors: [:theme], coder: JSON
  serialize :history, Array
  has_secure_token :token, length: 24
  validates :email, uniqueness: { case_sensitive: false }
end

class Publisher < ActiveRecord::Base
  self.primary_key = "code"
  has_many :books
end

class Book < ActiveRecord::Base
  belongs_to :author, counter_cache: true
  belongs_to :publisher, optional: true
  has_and_belongs_to_many :tags, -> { order(:id) }
  has_many :notes, as: :subject
  attribute :seen, :boolean
end

class Comic < Book; end

class Tag < ActiveRecord::Base
  has_and_belongs_to_many :books
end

class Note < ActiveRecord::Base
  belongs_to :subject, polymorphic: true, touch: true
end

def schema
  ActiveRecord::Schema.define(version: 2024_01_31_120000) do
    create_table :authors do |t|
      t.string :name, null: false, default: ""
      t.string :email, limit: 120, index: { unique: true }
      t.string :plan, null: false, default: "free"
      t.string :token, index: { unique: true }
      t.integer :role, null: false, default: 0
      t.boolean :active, null: false, default: true
      t.boolean :maybe
      t.date :born
      t.text :options
      t.text :history
      t.integer :books_count, null: false, default: 0
      t.integer :lock_version, null: false, default: 0
      t.references :mentor, foreign_key: { to_table: :authors, on_delete: :nullify }
      t.timestamps
      t.index "lower(name)", name: "index_authors_on_lower_name"
    end
    create_table :publishers, id: false do |t|
      t.string :code, limit: 8, primary_key: true
      t.string :name
    end
    create_table :books do |t|
      t.string :type
      t.references :author, null: false, foreign_key: { on_delete: :cascade }
      t.references :publisher, type: :string, foreign_key: { primary_key: "code" }
      t.string :title, null: false
      t.text :blurb, null: false, default: ""
      t.decimal :price, precision: 10, scale: 2, null: false, default: "0.0"
      t.decimal :discount, precision: 6, scale: 4
      t.decimal :copies, precision: 30
      t.float :weight
      t.integer :pages, limit: 2
      t.bigint :sold, null: false, default: 0
      t.boolean :seen, default: false
      t.time :opens
      t.date :due
      t.datetime :released
      t.datetime :measured, precision: 3
      t.timestamp :paid_at
      t.json :data, null: false, default: {}
      t.json :extra
      t.binary :cover
      t.timestamps
      t.index [:author_id, :title], unique: true
      t.index :released, where: "price > 20"
      t.check_constraint "price >= 0", name: "price_known"
    end
    create_table(:tags) { |t| t.string :name, null: false, index: { unique: true } }
    create_join_table(:books, :tags) { |t| t.index [:book_id, :tag_id], unique: true }
    create_table :notes do |t|
      t.references :subject, polymorphic: true, null: false
      t.text :body
      t.timestamps
    end
  end
end

def create
  schema
  ada = Author.create!(name: "Ada", email: "ada@example.com", role: :writer, born: Date.new(1815, 12, 10), theme: "dark",
                       history: [1, "two", nil], plan: :paid)
  bob = Author.create!(name: "Bob", email: "bob@example.com", active: false, maybe: false, mentor: ada)
  tags = %w[old new].map { |name| Tag.create!(name: name) }
  Publisher.create!(code: "acme", name: "Acme")
  5.times do |n|
    kind = n == 3 ? Comic : Book
    kind.create!(
      author: n.odd? ? ada : bob, title: "Book #{n}", price: BigDecimal("19.90") + n, weight: 0.1 * n, pages: 100 * n,
      discount: n.zero? ? nil : BigDecimal("0.0625") * n, copies: 10**12 + n, sold: 2**40 + n, seen: n > 2, opens: "08:%02d" % n, publisher_id: n == 1 ? "acme" : nil,
      due: Date.new(2024, 2, 27) + n, released: AT + n * 86_400, measured: AT + n, paid_at: n.zero? ? nil : AT - n * 3600,
      data: { n: n, deep: { x: n.to_s }, tags: %w[a b] }, extra: n.zero? ? 5 : ["text", n], cover: (0...n * 10).map(&:chr).join.b,
      tags: [tags[n % 2]]
    )
  end
  Book.first.notes.create!(body: "good\n\u{1F4D6} \\ 'quoted'")
  ada.notes.create!(body: nil)
  Tag.create!(name: "passing").destroy # SQLite remembers the number that was given
end

def show(what, *values)
  puts "#{what}: #{values.map(&:inspect).join(", ")}"
end

def refused(what)
  ActiveRecord::Base.transaction(requires_new: true) { yield }
  show what, "accepted"
rescue ActiveRecord::ActiveRecordError => e
  show what, e.class
end

def read
  context = ActiveRecord::Base.connection.migration_context
  show "migrations", context.current_version, context.get_all_versions, ActiveRecord::InternalMetadata[:environment]
  Author.order(:id).each { |a| show "author", a.attributes.except("token"), a.token.size, a.theme, a.history }
  Book.order(:id).each do |b|
    show b.class.name, b.attributes, b.data["deep"], b.author.name, b.publisher&.name, b.tags.map(&:name), b.notes.map(&:body)
    show "kept", b.created_at.nsec % 1000, (Time.now - b.updated_at).between?(0, 600), b.released.zone, b.released.nsec
  end
  Note.order(:id).each { |n| show "note", n.id, n.subject.class.name, n.subject_id, n.body }

  show "active", Author.where(active: true).pluck(:name), Author.where.not(active: true).pluck(:name), Author.where(maybe: nil).count
  show "seen", Book.where(seen: true).order(:id).ids, Book.where(seen: [false, nil]).count
  show "roles", Author.writer.pluck(:name), Author.plan_free.pluck(:name), Author.group(:role).count.sort
  show "born", Author.where(born: ..Date.new(1900, 1, 1)).pluck(:name, :born), Author.find_by(born: "1815-12-10").name
  show "due", Book.where(due: Date.new(2024, 2, 28)..Date.new(2024, 3, 1)).order(:due).pluck(:due), Book.minimum(:due)
  show "released", Book.where(released: AT + 1..AT + 3 * 86_400).order(:id).ids, Book.find_by(released: AT).id
  show "measured", Book.where("measured > ?", AT + 1).order(:id).ids, Book.maximum(:measured)
  show "days", Book.group("date(released)").count.map { |day, n| [day.to_s, n] }.sort
  show "opens", Book.where("opens >= ?", Time.utc(2000, 1, 1, 7, 3)).order(:id).map { |b| b.opens.strftime("%T") }
  show "prices", Book.where(price: BigDecimal("21.90")).ids, Book.sum(:price), Book.average(:price).round(4), Book.order(price: :desc).pick(:price)
  show "discounts", Book.where("discount * price > ?", 2).order(:id).pluck(:id, :discount), Book.sum(:discount)
  show "numbers", Book.where("weight < 0.25").count, Book.sum(:sold), Book.where(sold: 2**40 + 3).ids, Book.maximum(:pages), Book.maximum(:copies)
  show "data", Book.where("CAST(data ->> 'n' AS integer) >= ?", 3).order(:id).ids,
       Book.where("data -> 'deep' ->> 'x' = ?", "2").ids, Book.where(extra: nil).count, Book.pluck(:data).sum { |d| d["n"] }
  show "found", Author.where(Author.arel_table[:email].matches("ADA@%")).pluck(:name), Author.where("lower(name) = ?", "bob").count,
       Author.where("books_count > 2").pluck(:name), Author.exists?(email: "bob@example.com")
  show "joined", Book.joins(:author, :tags).where(tags: { name: "new" }, authors: { active: true }).order(:id).ids,
       Book.left_joins(:notes).where(notes: { id: nil }).count, Author.includes(:books).order(:id).map { |a| a.books.size },
       Author.joins(:books).group("authors.name").having("count(*) > 2").sum(:pages), Author.find_by(name: "Bob").mentor.name
end

def write
  cyd = Author.create!(name: "Cyd", email: "cyd@example.com", theme: "light")
  book = cyd.books.create!(title: "New", price: "1.10", released: AT, data: [1, nil], extra: { k: [] }, cover: "\x00\xFF".b, seen: true)
  book.tags << Tag.create!(name: "third")
  book.notes.create!(body: "fresh")
  show "new", cyd.id, book.id, Tag.last.id, Note.last.id, cyd.reload.books_count, (Time.now - book.created_at).between?(0, 600)
  show "reloaded", book.reload.attributes.except("created_at", "updated_at"), cyd.theme, cyd.active, cyd.role
  Book.where(id: book.id).update_all("sold = sold + 2199023255552")
  book.update!(data: { "k" => { "v" => 1.5 } }, opens: "23:59:59", due: "2024-12-24", discount: BigDecimal("0.12345"), seen: false)
  show "updated", book.reload.attributes.except("created_at", "updated_at"), book.discount.to_s, Book.where(seen: false).order(:id).ids
  Tag.insert_all([{ name: "fourth" }, { name: "third" }])
  Tag.upsert({ id: 1, name: "older" })
  show "tags", Tag.order(:id).pluck(:id, :name)
  show "found or made", Tag.create_or_find_by(name: "fourth").id, Tag.find_or_create_by(name: "fifth").previously_new_record?

  refused("same e-mail") { Author.insert({ name: "x", email: nil, created_at: AT, updated_at: AT, token: cyd.token }) && Author.new(name: "x", email: "ada@example.com").save!(validate: false) }
  refused("valid") { Author.create!(email: "ADA@example.com") }
  refused("same title") { Book.create!(author: cyd, title: "New") }
  refused("price") { Book.create!(author: cyd, title: "Less", price: -1) }
  refused("no author") { Book.new(title: "None", author_id: 999).save!(validate: false) }
  refused("no title") { Book.new(author: cyd).save!(validate: false) }
  refused("still named") { Publisher.find("acme").destroy! }
  refused("stale") { Author.find(cyd.id).tap { |a| Author.find(cyd.id).update!(name: "Cydney"); a.update!(name: "Late") } }
  Author.transaction do
    Author.create!(name: "Dee", email: "dee@example.com")
    raise ActiveRecord::Rollback
  end
  show "rolled back", Author.where(name: "Dee").count, Author.lock.find(cyd.id).name
  cyd.reload.destroy!
  show "left", Author.count, Book.count, Note.count, Tag.count, Tag.connection.select_value("SELECT count(*) FROM books_tags")
end

# dump shows what `rails db:schema:dump` finds.
def dump
  connection = ActiveRecord::Base.connection
  connection.tables.sort.each do |table|
    show table, connection.primary_key(table), connection.columns(table).map { |c| [c.name, c.type.to_s.sub("jsonb", "json"), c.null, (c.limit unless c.type == :integer)] }
    show "indexes", connection.indexes(table).map { |i| [i.name, i.columns.is_a?(Array) ? i.columns : "an expression", i.unique, i.where.present?] }.sort_by(&:first)
    show "keys", connection.foreign_keys(table).map { |k| [k.column, k.to_table, k.primary_key, k.on_delete] }.sort_by(&:first)
    show "checks", connection.check_constraints(table).map(&:name)
  end
end

# grow is the application's next migration, which only PostgreSQL is asked for: Rails 6.1 deletes the books of SQLite when
# it rewrites the table of their authors.
def grow
  connection = ActiveRecord::Base.connection
  ActiveRecord::Migration[6.1].class_eval do
    create_table(:shelves) { |t| t.string :name }
    add_reference :books, :shelf, foreign_key: true
    add_column :books, :rating, :integer, default: 3, null: false
    rename_column :books, :blurb, :summary
    rename_table :notes, :remarks
    change_column :books, :pages, :bigint, null: false
    change_column_default :books, :seen, from: false, to: true
    remove_index :books, [:author_id, :title]
    remove_foreign_key :books, :authors
    remove_check_constraint :books, name: "price_known"
    remove_column :books, :measured
  end
  Book.reset_column_information
  book = Book.create!(author_id: 1, title: "Book 1", price: -1, rating: 5, pages: 1)
  show "grown", book.reload.attributes.except("created_at", "updated_at"), Book.where(rating: 3).count, connection.tables.sort
end

case mode
when "create" then create
when "use" then [:read, :write, :dump].each { |part| send(part) }
when "grow" then grow
end
