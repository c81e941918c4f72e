"""A small application on Django: `create FILE` fills a SQLite database, `use WHERE` works with it or what it became.

The models know nothing of the database they run on; what Django itself needs to keep (users, sessions, permissions) is
there as in a real project.
"""

import datetime
import decimal
import sys
import urllib.parse
import uuid

import django
from django.conf import settings

mode, where = sys.argv[1:]
if not where.startswith("postgres"):
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": where}
else:
    url = urllib.parse.urlparse(where)
    query = urllib.parse.parse_qs(url.query)
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": query["user"][0], "HOST": query["host"][0]}

sys.modules["shop"] = sys.modules[__name__]
settings.configure(
    DATABASES={"default": database}, USE_TZ=True, TIME_ZONE="Europe/Berlin", SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import Permission, User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import Count, F, Q, Sum  # noqa: E402
from django.db.models.functions import TruncDate  # noqa: E402

BORN = datetime.datetime(2024, 1, 31, 10, 30, 0, 123456, tzinfo=datetime.timezone.utc)


class Author(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.OneToOneField(User, null=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=80, db_index=True)
    email = models.EmailField(unique=True)
    born = models.DateField(null=True)
    active = models.BooleanField(default=True)
    maybe = models.BooleanField(null=True)
    address = models.GenericIPAddressField(null=True)
    slug = models.SlugField()

    class Meta:
        app_label = "shop"


class Tag(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "shop"


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    sequel = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    tags = models.ManyToManyField(Tag)
    ref = models.UUIDField(null=True)
    title = models.CharField(max_length=120)
    blurb = models.TextField(blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    weight = models.FloatField(null=True)
    pages = models.PositiveSmallIntegerField(default=0)
    stock = models.PositiveIntegerField(default=0)
    sold = models.BigIntegerField(default=0)
    opens = models.TimeField(null=True)
    reading = models.DurationField(null=True)  # the one that the plan must be told of
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(null=True)
    data = models.JSONField(default=dict)
    extra = models.JSONField(null=True)
    cover = models.BinaryField(default=b"")

    class Meta:
        app_label = "shop"
        constraints = [
            models.UniqueConstraint(fields=["author", "title"], name="one_title"),
            models.CheckConstraint(check=Q(price__gte=0), name="price_known"),
            models.UniqueConstraint(fields=["author"], condition=Q(stock=999), name="one_bestseller"),
        ]


def create():
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Author, Tag, Book):
            editor.create_model(model)
    user = User.objects.create_user("ada", "ada@example.com", "secret")
    user.user_permissions.add(Permission.objects.get(codename="add_user"))
    session = SessionStore()
    session["cart"] = [1, 2]
    session.save()
    ada = Author.objects.create(name="Ada", email="ada@example.com", user=user, born=datetime.date(1815, 12, 10), address="192.168.0.1", slug="ada")
    bob = Author.objects.create(name="Bob", email="bob@example.com", active=False, maybe=False, address="2001:db8::1", slug="bob")
    tags = [Tag.objects.create(name=name) for name in ("old", "new")]
    for n in range(5):
        book = Book.objects.create(
            author=ada if n % 2 else bob, title="Book %d" % n, price=decimal.Decimal("19.90") + n, weight=0.1 * n, pages=100 * n,
            stock=n, sold=2**40 + n, opens=datetime.time(8, n),
            reading=datetime.timedelta(days=n - 1, seconds=90, microseconds=5), changed=BORN + datetime.timedelta(days=n),
            data={"tags": ["a", "b"], "n": n, "deep": {"x": str(n)}}, extra="text" if n else 5, cover=bytes(range(n * 10)),
        )
        book.tags.add(tags[n % 2])


def use():
    ada = Author.objects.get(name="Ada")
    assert isinstance(ada.id, uuid.UUID) and Author.objects.get(id=ada.id) == ada and Author.objects.filter(id=str(ada.id)).exists()
    assert ada.born == datetime.date(1815, 12, 10) and ada.active is True and ada.maybe is None
    assert Author.objects.get(address="192.168.0.1") == ada and Author.objects.get(address__startswith="2001:").address == "2001:db8::1"
    assert [a.name for a in Author.objects.filter(active=False)] == ["Bob"] and Author.objects.filter(maybe__isnull=True).count() == 1
    assert Author.objects.filter(email__iexact="ADA@example.com", name__icontains="d").get() == ada

    user = User.objects.get(username="ada")
    assert user.check_password("secret") and user.has_perm("auth.add_user") and ada.user == user
    assert user.date_joined.tzinfo is not None and user.last_login is None and user.is_active and not user.is_staff
    user.last_login = BORN
    user.save()
    session = SessionStore(Session.objects.get().session_key)
    assert session["cart"] == [1, 2] and session.get_expiry_age() > 0

    books = list(Book.objects.order_by("id"))
    assert [b.price for b in books] == [decimal.Decimal("19.90") + n for n in range(5)]
    assert books[1].weight == 0.1 and books[3].opens == datetime.time(8, 3) and books[4].sold == 2**40 + 4
    assert [b.reading for b in books] == [datetime.timedelta(days=n - 1, seconds=90, microseconds=5) for n in range(5)]
    assert Book.objects.filter(reading__gt=datetime.timedelta(days=1)).count() == 3
    assert books[2].changed == BORN + datetime.timedelta(days=2) and books[2].created.tzinfo is not None
    assert books[2].data == {"tags": ["a", "b"], "n": 2, "deep": {"x": "2"}} and bytes(books[2].cover) == bytes(range(20))
    assert books[0].extra == 5 and books[1].extra == "text" and books[0].ref is None
    assert Book.objects.filter(data__n__gte=3).count() == 2 and Book.objects.get(data__deep__x="4").title == "Book 4"
    assert not connection.features.supports_json_field_contains or Book.objects.filter(data__contains={"n": 1}).count() == 1
    assert Book.objects.filter(data__has_key="deep").count() == 5
    assert Book.objects.filter(changed__gt=BORN, price__gt=decimal.Decimal("21.00")).count() == 3
    assert Book.objects.filter(changed__date=datetime.date(2024, 1, 31)).count() == 1 and Book.objects.filter(changed__year=2024).count() == 5
    assert Book.objects.annotate(day=TruncDate("changed")).values("day").annotate(n=Count("id")).count() == 5
    assert Book.objects.filter(tags__name="old", author__active=False).distinct().count() == 3
    assert Book.objects.aggregate(sum=Sum("price"))["sum"] == decimal.Decimal("109.50")

    new = Author.objects.create(name="Cyd", email="cyd@example.com", address="::ffff:10.0.0.1", slug="cyd")
    book = Book.objects.create(author=new, title="New", price=decimal.Decimal("1.10"), ref=uuid.uuid4(), changed=BORN, data=[1, None],
                               extra={"k": []}, reading=datetime.timedelta(hours=5))
    assert book.id == 6 and Tag.objects.create(name="third").id == 3, book.id
    assert User.objects.create_user("bob").id == 2 and abs(book.created - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 300
    book.tags.add(Tag.objects.get(name="third"))
    assert Book.objects.get(ref=book.ref) == book and list(book.tags.values_list("name", flat=True)) == ["third"]
    Book.objects.filter(pk=book.pk).update(sold=F("sold") + 2**41, sequel=books[0], pages=7)
    book.refresh_from_db()
    assert book.sold == 2**41 and book.sequel == books[0] and book.changed == BORN
    for broken in (dict(title="New", price=1), dict(title="Less", price=-1)):
        try:
            with transaction.atomic():
                Book.objects.create(author=new, **broken)
            raise SystemExit("%s is accepted" % broken)
        except IntegrityError:
            pass
    new.delete()
    assert Book.objects.count() == 5
    call_command("migrate", verbosity=0)  # nothing is left to do
    print("works")


{"create": create, "use": use}[mode]()
