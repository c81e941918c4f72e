GRANT ALL ON SCHEMA public TO databricks_superuser WITH GRANT OPTION;

-- Creates a role that an identity of the workspace can log in to. What links the two is a security label, as in
-- Lakebase: labels of roles are cluster-wide, follow a role through copies and go away with it, and nobody can forge
-- one, because PostgreSQL refuses SECURITY LABEL for a provider that no loaded module implements, and lets no one but a
-- superuser write to its catalogs. It lives in pg_catalog to survive DROP SCHEMA public.
CREATE FUNCTION pg_catalog.databricks_create_role(identity_name text, identity_type text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied to create role';
  END IF;
  IF identity_type IS NULL OR identity_type NOT IN ('USER', 'SERVICE_PRINCIPAL', 'GROUP') THEN
    RAISE invalid_parameter_value USING MESSAGE = 'identity type must be USER, SERVICE_PRINCIPAL or GROUP';
  END IF;
  IF identity_name IS NULL OR octet_length(identity_name) NOT BETWEEN 1 AND 63 THEN
    RAISE invalid_parameter_value USING MESSAGE = 'identity name must have 1 to 63 bytes';
  END IF;
  EXECUTE format('CREATE ROLE %I LOGIN', identity_name);
  INSERT INTO pg_shseclabel (objoid, classoid, provider, label)
  SELECT oid, 'pg_authid'::regclass, 'databricks_auth', format('type=%s,id=%s', identity_type, identity_name)
    FROM pg_roles WHERE rolname = identity_name;
  -- From PostgreSQL 16 on, who creates a role administers it; here the creator is this function's owner.
  IF current_setting('server_version_num')::int >= 160000 AND session_user <> current_user THEN
    EXECUTE format('GRANT %I TO %I WITH ADMIN TRUE, INHERIT FALSE, SET FALSE', identity_name, session_user);
  END IF;
END $$;

-- An extension needs files in the server's share folder, which a data folder cannot bring. Its row in the catalog is
-- enough for CREATE EXTENSION IF NOT EXISTS databricks_auth to find it present, and for pg_dump to treat its function
-- as the extension's.
INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
       'databricks_auth', r.oid, 'pg_catalog'::regnamespace, false, '1.0'
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;
ALTER EXTENSION databricks_auth ADD FUNCTION pg_catalog.databricks_create_role(text, text);
