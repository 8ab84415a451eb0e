# Starts a PostgreSQL server of the run's own, tells tests how to reach it, and
# removes it at the run's end. It needs PostgreSQL's programs and setpriv.
set -eu

for dir in /usr/lib/postgresql/*/bin; do # where Debian has them
	PATH=$PATH:$dir
done

# In /tmp because the path of a socket has at most 107 bytes, and because the server
# refuses to run as root: the user that it runs as must get there.
dir=$(mktemp -d /tmp/postgres.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
as=
if [ "$(id -u)" = 0 ]; then
	as="setpriv --reuid=postgres --regid=postgres --clear-groups"
	chown postgres:postgres "$dir"
fi
cd "$dir"
# Signals for this script's group don't reach it: ended early it leaves memory behind.
setsid $as initdb --pgdata="$dir/data" --auth=trust --username=postgres --no-locale --no-sync >"$dir/log" || { cat "$dir/log"; exit 1; }

# It stays behind. At the run's end it gets SIGTERM, as the server does.
(
	server= ending=
	trap 'ending=1; [ -z "$server" ] || kill -INT $server' INT TERM
	$as postgres -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off &
	server=$!
	[ -z "$ending" ] || kill -INT $server
	while kill -0 $server 2>/dev/null; do
		wait $server || :
	done
	rm -rf "$dir"
) &
trap - EXIT INT TERM

tries=0
until psql --host="$dir" --username=postgres --command='select 1' >/dev/null 2>&1; do
	kill -0 $! || exit 1
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "the server does not answer"; exit 1; }
	sleep 0.1
done
printf 'PGHOST=%s\nPGUSER=postgres\n' "$dir" >"$PGTEST_ENV"
