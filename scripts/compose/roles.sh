#!/usr/bin/env bash
# The roles of compose.yaml, made on the database's first start with the passwords that "prepare" made. Doing it again is
# harmless, and sets the passwords to those of today's volumes:
#
#   docker compose exec -u postgres db bash /docker-entrypoint-initdb.d/roles.sh
#
#   dropfold_owner   owns the tables; makes them ("dropfold target init")
#   dropfold         delivers: reads and writes rows of the owner's tables, makes temporary tables, and nothing else
#   reader           reads those tables
set -euo pipefail

psql -X -q -v ON_ERROR_STOP=1 -U postgres -d dropfold <<'END'
\set owner_password `cat /secrets/dropfold_owner`
\set dropfold_password `cat /secrets/dropfold`
\set reader_password `cat /secrets/reader`
BEGIN;
SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['dropfold_owner', 'dropfold', 'reader']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE dropfold_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE dropfold LOGIN PASSWORD :'dropfold_password';
ALTER ROLE reader LOGIN PASSWORD :'reader_password';
ALTER ROLE reader SET default_transaction_read_only = on;

ALTER DATABASE dropfold OWNER TO dropfold_owner;
REVOKE ALL ON DATABASE dropfold, postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE dropfold TO dropfold;
GRANT CONNECT ON DATABASE dropfold TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE dropfold_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO dropfold;
ALTER DEFAULT PRIVILEGES FOR ROLE dropfold_owner IN SCHEMA public GRANT SELECT ON TABLES TO reader;
COMMIT;
END
