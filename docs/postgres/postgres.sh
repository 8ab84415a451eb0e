# Starts a PostgreSQL server of the run's own and tells tests how to reach it. It needs
# PostgreSQL's programs.
set -eu

for dir in /usr/lib/postgresql/*/bin; do # where Debian has them
	PATH=$PATH:$dir
done

# pgtest removes $TMPDIR at the run's end. The path of a socket has at most 107 bytes.
cd "$TMPDIR"
as=
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
	as="setpriv --reuid=postgres --regid=postgres --clear-groups"
	chown postgres:postgres .
fi
# PostgreSQL has a little shared memory, which it leaves if it is killed. In a namespace
# it goes with the processes. Where there can be none, Ctrl-C, a signal for this script's
# group, does not reach initdb.
own=setsid
for namespace in "unshare --ipc" "unshare --user --map-current-user --ipc"; do
	if $namespace true 2>/dev/null; then
		own=$namespace
		break
	fi
done

$own $as initdb --pgdata=data --auth=trust --username=postgres --no-locale --no-sync >log || { cat log; exit 1; }

# It stays behind, and gets SIGTERM at the run's end.
$own $as postgres -D "$TMPDIR/data" -k "$TMPDIR" -c listen_addresses= -c fsync=off &

tries=0
until psql --host="$TMPDIR" --username=postgres --command='select 1' >/dev/null 2>&1; do
	kill -0 $! || exit 1
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "the server does not answer"; exit 1; }
	sleep 0.1
done
printf 'PGHOST=%s\nPGUSER=postgres\n' "$TMPDIR" >"$PGTEST_ENV"
