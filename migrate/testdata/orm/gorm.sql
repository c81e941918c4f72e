-- As GORM writes it for SQLite: backquotes, types in lower case, bool as numeric, times with their zone, soft deletion.
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`created_at` datetime,`updated_at` datetime,`deleted_at` datetime,`name` text NOT NULL,`email` text,`age` integer,`admin` numeric NOT NULL DEFAULT false,`newsletter` numeric DEFAULT true,`balance` real,`price` decimal(10,2),`birthday` datetime,`activated_at` datetime,`avatar` blob,`settings` JSON,`uid` uuid,`company_id` integer,CONSTRAINT `fk_companies_users` FOREIGN KEY (`company_id`) REFERENCES `companies`(`id`) ON DELETE SET NULL ON UPDATE CASCADE,CONSTRAINT `chk_users_age` CHECK (age >= 0),CONSTRAINT `uni_users_email` UNIQUE (`email`));
CREATE TABLE `companies` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text,`deleted_at` datetime);
CREATE TABLE `languages` (`code` text,`name` varchar(100),PRIMARY KEY (`code`));
CREATE TABLE `user_languages` (`user_id` integer,`language_code` text,PRIMARY KEY (`user_id`,`language_code`),CONSTRAINT `fk_user_languages_user` FOREIGN KEY (`user_id`) REFERENCES `users`(`id`),CONSTRAINT `fk_user_languages_language` FOREIGN KEY (`language_code`) REFERENCES `languages`(`code`));
CREATE INDEX `idx_users_deleted_at` ON `users`(`deleted_at`);
CREATE UNIQUE INDEX `idx_users_name` ON `users`(`name`) WHERE deleted_at IS NULL;
CREATE INDEX `idx_companies_deleted_at` ON `companies`(`deleted_at`);
INSERT INTO companies VALUES (1, 'Acme', NULL);
INSERT INTO users VALUES
    (1, '2024-01-02 03:04:05.123456789+02:00', '2024-01-02 03:04:05.123456789+02:00', NULL, 'Ada', 'ada@example.com', 36, 1, 0, 12.5, 19.99, '1815-12-10 00:00:00+00:00', NULL, x'89504e47', '{"theme":"dark"}', '0f8fad5b-d9cb-469f-a165-70867728950e', 1),
    (2, '2024-01-02 03:04:06.5+02:00', '2024-01-02 03:04:06.5+02:00', '2024-02-01 00:00:00+01:00', 'Bob', NULL, 0, 0, NULL, 0, 5, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO languages VALUES ('de', 'German'), ('en', 'English');
INSERT INTO user_languages VALUES (1, 'de'), (1, 'en');
