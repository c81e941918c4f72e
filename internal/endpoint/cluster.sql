CREATE ROLE databricks_superuser NOLOGIN CREATEDB CREATEROLE BYPASSRLS;
GRANT pg_read_all_data, pg_write_all_data, pg_monitor TO databricks_superuser;

-- Up to PostgreSQL 15, CREATEROLE may grant every role but a superuser's, and these three are as good as a superuser:
-- they open the server's files and shell. Marked as superusers only superusers can grant them, as in Lakebase.
UPDATE pg_catalog.pg_authid SET rolsuper = true
 WHERE current_setting('server_version_num')::int < 160000
   AND rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program');

-- A session in template1 keeps everybody from creating databases.
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
