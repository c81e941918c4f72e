-- As Rails 7 and 8 write it for SQLite: lower-case types, varchar without a length, datetime(6), and its own tables.
CREATE TABLE IF NOT EXISTS "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE IF NOT EXISTS "customers" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar DEFAULT '' NOT NULL, "email" varchar(120), "bio" text, "admin" boolean DEFAULT 0 NOT NULL, "active" boolean DEFAULT 1, "balance" decimal(10,2) DEFAULT 0.0 NOT NULL, "rating" float, "settings" json DEFAULT '{}' NOT NULL, "born_on" date, "opens_at" time, "seen_at" datetime(6), "avatar" blob, "visits" bigint DEFAULT 0, "role" integer DEFAULT 0 NOT NULL, "token" varchar(36), "orders_count" integer DEFAULT 0, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE IF NOT EXISTS "orders" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "customer_id" integer NOT NULL, "parent_id" integer, "number" varchar NOT NULL, "total" decimal(12,4), "state" varchar DEFAULT 'new' NOT NULL, "legacy_at" datetime, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL, CONSTRAINT "fk_rails_3dad120da9"
FOREIGN KEY ("customer_id")
  REFERENCES "customers" ("id")
 ON DELETE CASCADE, CONSTRAINT "fk_rails_7a2c1f5e02"
FOREIGN KEY ("parent_id")
  REFERENCES "orders" ("id")
, CONSTRAINT total_known CHECK (total >= 0));
CREATE TABLE IF NOT EXISTS "active_storage_blobs" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" varchar NOT NULL, "filename" varchar NOT NULL, "content_type" varchar, "metadata" text, "service_name" varchar NOT NULL, "byte_size" bigint NOT NULL, "checksum" varchar, "created_at" datetime(6) NOT NULL);
CREATE TABLE IF NOT EXISTS "active_storage_attachments" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar NOT NULL, "record_type" varchar NOT NULL, "record_id" bigint NOT NULL, "blob_id" bigint NOT NULL, "created_at" datetime(6) NOT NULL, CONSTRAINT "fk_rails_c3b3935057"
FOREIGN KEY ("blob_id")
  REFERENCES "active_storage_blobs" ("id")
);
CREATE UNIQUE INDEX "index_customers_on_email" ON "customers" ("email");
CREATE INDEX "index_customers_on_lower_name" ON "customers" (lower(name));
CREATE INDEX "index_orders_on_customer_id" ON "orders" ("customer_id");
CREATE UNIQUE INDEX "index_orders_on_number" ON "orders" ("number") WHERE state <> 'cancelled';
CREATE UNIQUE INDEX "index_active_storage_blobs_on_key" ON "active_storage_blobs" ("key");
CREATE UNIQUE INDEX "index_active_storage_attachments_uniqueness" ON "active_storage_attachments" ("record_type", "record_id", "name", "blob_id");
INSERT INTO schema_migrations VALUES ('20240101120000'), ('20240215093000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '2024-01-01 12:00:00.123456', '2024-01-01 12:00:00.123456');
INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.com', NULL, 1, 1, 12.5, 4.5, '{"theme":"dark"}', '1815-12-10', '2000-01-01 08:30:00', '2024-01-31 10:00:00.000000', x'89504e47', 7, 1, '0f8fad5b-d9cb-469f-a165-70867728950e', 1, '2024-01-01 12:00:00.123456', '2024-01-31 10:00:00.654321'),
    (2, 'Bob', NULL, 'likes tea', 0, NULL, 0, NULL, '{}', NULL, NULL, NULL, NULL, 0, 0, NULL, 0, '2024-01-02 12:00:00', '2024-01-02 12:00:00');
INSERT INTO orders VALUES (1, 1, NULL, 'A-1', 19.99, 'paid', '2019-05-01 10:00:00', '2024-01-31 10:00:00.000001', '2024-01-31 10:00:00.000001');
INSERT INTO active_storage_blobs VALUES (1, 'x7y8', 'ada.png', 'image/png', '{"identified":true}', 'local', 4, 'abc==', '2024-01-31 10:00:00.500000');
INSERT INTO active_storage_attachments VALUES (1, 'avatar', 'Customer', 1, 1, '2024-01-31 10:00:00.500000');
