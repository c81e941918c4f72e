-- As Django writes it for SQLite: quoted names, types in lower case, checks for what SQLite's types do not say.
CREATE TABLE IF NOT EXISTS "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE IF NOT EXISTS "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
CREATE TABLE IF NOT EXISTS "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
CREATE TABLE IF NOT EXISTS "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL);
CREATE TABLE IF NOT EXISTS "shop_author" ("id" char(32) NOT NULL PRIMARY KEY, "user_id" integer NULL UNIQUE REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "name" varchar(80) NOT NULL, "born" date NULL, "maybe" bool NULL, "address" char(39) NULL, "photo" varchar(100) NOT NULL);
CREATE TABLE IF NOT EXISTS "shop_book" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "author_id" char(32) NOT NULL REFERENCES "shop_author" ("id") DEFERRABLE INITIALLY DEFERRED, "sequel_id" bigint NULL REFERENCES "shop_book" ("id") DEFERRABLE INITIALLY DEFERRED, "ref" char(32) NULL, "title" varchar(120) NOT NULL, "blurb" text NOT NULL, "price" decimal NOT NULL, "weight" real NULL, "rank" smallint NOT NULL, "pages" smallint unsigned NOT NULL CHECK ("pages" >= 0), "stock" integer unsigned NOT NULL CHECK ("stock" >= 0), "sold" bigint NOT NULL, "opens" time NULL, "changed" datetime NULL, "data" text NOT NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)), "extra" text NULL CHECK ((JSON_VALID("extra") OR "extra" IS NULL)), "cover" BLOB NOT NULL, CONSTRAINT "one_title" UNIQUE ("author_id", "title"), CONSTRAINT "price_known" CHECK ("price" >= '0'));
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
CREATE INDEX "shop_book_author_id_82b8ab51" ON "shop_book" ("author_id");
CREATE UNIQUE INDEX "one_bestseller" ON "shop_book" ("author_id") WHERE "stock" = 999;
INSERT INTO django_migrations VALUES (1, 'shop', '0001_initial', '2024-01-31 10:00:00.123456');
INSERT INTO django_content_type VALUES (1, 'shop', 'author'), (2, 'shop', 'book');
INSERT INTO django_session VALUES ('9fgam3j4188okf9y8h6ozgloxciqelsz', 'eyJjYXJ0IjpbMSwyXX0', '2024-02-14 10:00:00.813762');
INSERT INTO auth_user VALUES (1, 'pbkdf2_sha256$1$x$y', NULL, 0, 'ada', 1, '2024-01-31 10:00:00');
INSERT INTO shop_author VALUES ('efdb7cac62bc45c8ade12f3cd28af969', 1, 'Ada', '1815-12-10', NULL, '192.168.0.1', '');
INSERT INTO shop_book VALUES
    (1, 'efdb7cac62bc45c8ade12f3cd28af969', NULL, NULL, 'First', '', 19.9, 0.1, -3, 100, 1, 1099511627776, '08:30:00', '2024-01-31 10:30:00.123456', '{"n": 0}', '5', x'00ff'),
    (2, 'efdb7cac62bc45c8ade12f3cd28af969', 1, NULL, 'Second', '', 20, NULL, 0, 0, 0, 0, NULL, NULL, '[]', NULL, x'');
