#!/bin/sh
# Runs once, when the database is made. The servers get a role that owns their database and can do nothing else: whoever
# gets into a server cannot read files of the database's machine or run programs there.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password ONSALE_DATABASE_PASSWORD
CREATE ROLE onsale LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE onsale OWNER onsale;
REVOKE ALL ON DATABASE onsale FROM PUBLIC;
SQL
