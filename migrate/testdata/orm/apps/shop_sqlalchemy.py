"""A small application on SQLAlchemy: `create FILE` fills a SQLite database, `use WHERE` works with it or what it became.

The models know nothing of the database they run on.
"""

import datetime
import decimal
import enum
import sys
import uuid

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.types import CHAR, TypeDecorator

UTC_NAIVE = datetime.datetime(2024, 1, 31, 10, 30, 0, 123456)
Base = orm.declarative_base()


class GUID(TypeDecorator):
    """The recipe of SQLAlchemy's documentation: UUID on PostgreSQL, CHAR(32) elsewhere."""

    impl = CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import UUID

            return dialect.type_descriptor(UUID())
        return dialect.type_descriptor(CHAR(32))

    def process_bind_param(self, value, dialect):
        if value is None:
            return value
        return str(value) if dialect.name == "postgresql" else "%.32x" % value.int

    def process_result_value(self, value, dialect):
        return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(value)


class Kind(enum.Enum):
    paper = "paper"
    cloth = "cloth"


class Author(Base):
    __tablename__ = "author"
    id = sa.Column(sa.Integer, primary_key=True)
    ref = sa.Column(GUID, nullable=False, unique=True, default=uuid.uuid4)
    slug = sa.Column(sa.String(36), nullable=False, default=lambda: str(uuid.uuid4()))
    name = sa.Column(sa.String(80), nullable=False, index=True)
    nick = sa.Column(sa.String)
    born = sa.Column(sa.Date)
    active = sa.Column(sa.Boolean, nullable=False, default=True, server_default=sa.true())
    manager_id = sa.Column(sa.ForeignKey("author.id", ondelete="SET NULL"))
    books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id = sa.Column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    author_id = sa.Column(sa.ForeignKey("author.id", ondelete="CASCADE"), nullable=False)
    author = orm.relationship("Author", back_populates="books")
    parent_ref = sa.Column(GUID)
    title = sa.Column(sa.Unicode(120), nullable=False)
    blurb = sa.Column(sa.Text, nullable=False, server_default="")
    kind = sa.Column(sa.Enum(Kind, native_enum=False), nullable=False)
    price = sa.Column(sa.Numeric(10, 2), nullable=False, server_default="0.00")
    weight = sa.Column(sa.Float)
    pages = sa.Column(sa.SmallInteger)
    sold = sa.Column(sa.BigInteger, nullable=False, server_default="0")
    opens = sa.Column(sa.Time)
    created = sa.Column(sa.DateTime, nullable=False, server_default=sa.func.now())
    changed = sa.Column(sa.DateTime(timezone=True))
    data = sa.Column(sa.JSON)
    cover = sa.Column(sa.LargeBinary)
    note = sa.Column(sa.PickleType)
    __table_args__ = (sa.UniqueConstraint("author_id", "title", name="one_title"), sa.CheckConstraint("price >= 0", name="price_known"))


def create(path):
    engine = sa.create_engine("sqlite:///" + path)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as s:
        ada = Author(name="Ada", born=datetime.date(1815, 12, 10), nick="the first")
        bob = Author(name="Bob", active=False, manager_id=None)
        s.add_all([ada, bob])
        for n in range(5):
            s.add(Book(
                author=ada if n % 2 else bob, title="Book %d" % n, kind=Kind.paper if n else Kind.cloth,
                price=decimal.Decimal("19.90") + n, weight=0.1 * n, pages=100 * n, sold=2**40 + n, opens=datetime.time(8, n),
                created=UTC_NAIVE + datetime.timedelta(days=n), data={"tags": ["a", "b"], "n": n, "deep": {"x": str(n)}},
                cover=bytes(range(n * 10)), note={"any": [n]},
            ))
        s.commit()
        bob.manager_id = ada.id
        s.commit()


def use(where):
    engine = sa.create_engine("sqlite:///" + where)
    if where.startswith("postgres"):
        import psycopg2

        engine = sa.create_engine("postgresql://", creator=lambda: psycopg2.connect(where))
    with orm.Session(engine) as s:
        ada = s.query(Author).filter_by(name="Ada").one()
        assert isinstance(ada.ref, uuid.UUID) and isinstance(ada.slug, str) and len(ada.slug) == 36
        assert ada.born == datetime.date(1815, 12, 10) and ada.active is True
        assert s.query(Author).filter(Author.ref == ada.ref).one() is ada
        assert s.query(Author).filter(Author.slug.like(ada.slug[:8] + "%")).one() is ada
        assert [a.name for a in s.query(Author).filter(Author.active.is_(False))] == ["Bob"]

        books = s.query(Book).order_by(Book.id).all()
        assert [b.price for b in books] == [decimal.Decimal("19.90") + n for n in range(5)], books
        assert str(books[0].price) == "19.90" and isinstance(books[1].weight, float) and books[1].weight == 0.1
        assert books[0].kind is Kind.cloth and books[3].opens == datetime.time(8, 3) and books[4].sold == 2**40 + 4
        assert books[2].created == UTC_NAIVE + datetime.timedelta(days=2)
        assert books[2].data == {"tags": ["a", "b"], "n": 2, "deep": {"x": "2"}}
        assert books[2].cover == bytes(range(20)) and books[2].note == {"any": [2]} and books[2].blurb == ""
        found = s.query(Book).filter(Book.kind == Kind.paper, Book.created > UTC_NAIVE, Book.price > decimal.Decimal("21.00"))
        assert found.count() == 3
        assert s.query(Book).filter(Book.data["n"].as_integer() == 3).one().title == "Book 3"
        assert s.query(Book).filter(Book.data[("deep", "x")].as_string() == "4").one().title == "Book 4"
        assert s.query(sa.func.sum(Book.price)).scalar() == decimal.Decimal("109.50")

        new = Author(name="Cyd", nick=None)
        new.books.append(Book(title="New", kind=Kind.cloth, price=decimal.Decimal("1.10"), parent_ref=ada.ref,
                              changed=datetime.datetime(2025, 1, 1), data=[1, "x", None], cover=b"\x00\xff"))
        s.add(new)
        s.commit()
        assert new.id == 3 and new.books[0].id == 6 and new.active is True, (new.id, new.books[0].id)
        assert abs(new.books[0].created - datetime.datetime.utcnow()) < datetime.timedelta(minutes=5)
        assert s.query(Book).filter(Book.parent_ref == ada.ref).one().changed == datetime.datetime(2025, 1, 1)
        new.active, new.books[0].data = False, {"k": 1}
        s.commit()
        assert s.query(Author).filter(sa.not_(Author.active)).count() == 2
        s.add(Book(author_id=new.id, title="New", kind=Kind.paper))
        try:
            s.commit()
            raise SystemExit("a second book of the same title is accepted")
        except sa.exc.IntegrityError:
            s.rollback()
        s.delete(new)
        s.commit()
        assert s.query(Book).count() == 5
    print("works")


{"create": create, "use": use}[sys.argv[1]](sys.argv[2])
