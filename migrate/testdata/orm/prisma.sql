-- As Prisma writes it for SQLite: DateTime as milliseconds, or as ISO 8601 text through its newer drivers; ids as text.
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
);
CREATE TABLE "User" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "email" TEXT NOT NULL,
    "name" TEXT,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "role" TEXT NOT NULL DEFAULT 'MEMBER',
    "logins" INTEGER NOT NULL DEFAULT 0,
    "settings" JSONB,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" DATETIME NOT NULL,
    "deletedAt" DATETIME
);
CREATE TABLE "Post" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" TEXT NOT NULL,
    "price" DECIMAL NOT NULL DEFAULT 0,
    "score" REAL,
    "views" BIGINT NOT NULL DEFAULT 0,
    "cover" BLOB,
    "published" DATETIME,
    "authorId" TEXT NOT NULL,
    CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE TABLE "Category" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" TEXT NOT NULL);
CREATE TABLE "_CategoryToPost" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,
    CONSTRAINT "_CategoryToPost_A_fkey" FOREIGN KEY ("A") REFERENCES "Category" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "_CategoryToPost_B_fkey" FOREIGN KEY ("B") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE INDEX "Post_authorId_published_idx" ON "Post"("authorId", "published");
CREATE UNIQUE INDEX "_CategoryToPost_AB_unique" ON "_CategoryToPost"("A", "B");
CREATE INDEX "_CategoryToPost_B_index" ON "_CategoryToPost"("B");
INSERT INTO "_prisma_migrations" VALUES ('8d1b3b1c-9b0f-4d53-8a7e-6b1d2f0f5a11', 'c0ffee', 1706695200500, '20240131100000_init', NULL, NULL, 1706695200123, 1);
INSERT INTO "User" VALUES
    ('clrzx3k0a0000v8l4h2q1', 'ada@example.com', 'Ada', 1, 'ADMIN', 3, '{"theme":"dark"}', 1706695200123, 1706695260456, NULL),
    ('clrzx3k0a0001v8l4h2q2', 'bob@example.com', NULL, 0, 'MEMBER', 0, NULL, '2024-01-31 10:00:00', 1706695260456, NULL);
INSERT INTO "Post" VALUES
    (1, 'First', 19.99, 4.5, 9007199254740993, x'00ff', '2024-01-31T10:00:00.250+00:00', 'clrzx3k0a0000v8l4h2q1'),
    (2, 'Second', 5, NULL, 0, NULL, NULL, 'clrzx3k0a0000v8l4h2q1');
INSERT INTO "Category" VALUES (1, 'News');
INSERT INTO "_CategoryToPost" VALUES (1, 1), (1, 2);
