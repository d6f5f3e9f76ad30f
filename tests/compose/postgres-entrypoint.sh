#!/bin/sh
# What the stand-in for the postgres image does at its start, as far as docker-compose.yml relies on it: at the first one,
# a cluster with the user and the database of POSTGRES_*, that asks everybody for the password.
set -eu

if [ "$(id -u)" = 0 ]; then
    chown -R postgres:postgres "$PGDATA" /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    : "${POSTGRES_PASSWORD:?must be set}"
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="${POSTGRES_USER:-postgres}" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    rm /tmp/password
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    printf 'create database "%s";\n' "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" |
        postgres --single -j postgres >/dev/null
fi
# Debian's own default is the machine alone
exec "$@" -c listen_addresses='*'
