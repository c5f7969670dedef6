# shellcheck shell=bash
# The servers that the Rust tests use: PostgreSQL and Redis. The servers of this machine are used if they answer and let
# us create databases (ONSALE_TEST_POSTGRES and ONSALE_TEST_REDIS name others). Otherwise the tests get servers of their
# own, which are started from the installed programs and stopped at the end. Also strace, under which some tests run the
# server. Sourced after lib.sh, never run.

services_folder=
services_redis=

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }

# as_nobody COMMAND… runs the command as the user postgres if this is root, because PostgreSQL refuses to run as root.
as_nobody() {
  if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

postgres_answers() {
  have psql || return 1
  [[ $(psql -wqAt "$1/postgres" -c 'SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user' 2>/dev/null) == t ]]
}

start_postgres() {
  local programs folder port
  if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! have initdb; then
    apt_install "PostgreSQL" postgresql
  fi
  programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1)
  PATH=${programs:+$programs:}$PATH
  folder=$(mktemp -d) && port=$(free_port)
  if ((EUID == 0)); then chown postgres "$folder"; fi
  as_nobody initdb -D "$folder/data" -A trust -U postgres >/dev/null
  as_nobody pg_ctl -D "$folder/data" -w -l "$folder/log" \
    -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c max_connections=300" start >/dev/null
  services_folder=$folder
  export ONSALE_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port
}

redis_answers() {
  have redis-cli && [[ $(redis-cli -u "$1" ping 2>/dev/null) == PONG ]]
}

start_redis() {
  local port
  port=$(free_port)
  redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >/dev/null &
  services_redis=$!
  export ONSALE_TEST_REDIS=redis://127.0.0.1:$port
  local tries
  for tries in {1..100}; do
    if redis_answers "$ONSALE_TEST_REDIS"; then return; fi
    sleep 0.1
  done
  die "the Redis server for the tests does not answer after $tries tries"
}

start_services() {
  if ! postgres_answers "${ONSALE_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432}"; then start_postgres; fi
  # Some tests kill their own server, so the program is needed in any case.
  have redis-server || apt_install "Redis" redis-server
  if ! redis_answers "${ONSALE_TEST_REDIS:-redis://127.0.0.1:6379}"; then start_redis; fi
  # Some tests record what the server writes to its disk, or make that fail.
  have strace || apt_install "strace" strace
}

stop_services() {
  if [[ -n $services_redis ]]; then kill "$services_redis" 2>/dev/null || true; fi
  if [[ -n $services_folder ]]; then
    as_nobody pg_ctl -D "$services_folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$services_folder"
  fi
}
