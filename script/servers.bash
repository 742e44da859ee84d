# Numbered servers in one folder: what script/kafka and script/nginx have in common.
# shellcheck shell=bash
#
# The script that sources this sets
#   kind    a server's folder is D/<kind><number>
#   config  the file in that folder which its command line names, so that its process can be told
#   dir     where D is by default ("" if --dir must be given)
# and defines
#   help, option NAME VALUE (takes an option of its own, or fails), check (what must be installed),
#   create (choose ports, configure), server N (sets `command`, to be executed), answers N, addresses;
# then it calls `servers "$@"`.

# shellcheck disable=SC2154,SC2034 # shared with the sourcing script
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
count="" port="" number="" dir="" launched=() taken=()
start_seconds=${SERVERS_START_SECONDS:-60} stop_seconds=${SERVERS_STOP_SECONDS:-15}
# A command that runs each server, % in it being its number: `setpriv --reuid 900%`.
SERVERS_RUN=${SERVERS_RUN-}

say() { echo "${0##*/}: $*" >&2; }
die() {
	say "$*"
	exit 1
}

# ---- what D remembers

home() { echo "$dir/$kind$1"; }
port_of() { sed -n "${1}p" "$dir/ports"; }
numbers() { seq "$(wc -l <"$dir/ports")"; }
exists() { [ -s "$dir/ports" ]; }

# The process id of server $1, which is its process group's too; fails if it does not run.
# A recycled id is told by its command line.
pid_of() {
	local pid
	pid=$(cat "$(home "$1")/pid" 2>/dev/null) || return 1
	grep -qsF "$(home "$1")/$config" "/proc/$pid/cmdline" || return 1
	echo "$pid"
}

# ---- waiting

# until_true SECONDS COMMAND…: tries the command until it succeeds or the time is up.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ended() { ! pid_of "$1" >/dev/null; }
# Just after launch() a process is still a copy of this script, and pid_of() does not know it yet.
executed_or_gone() { pid_of "$1" >/dev/null || ! kill -0 "$(cat "$(home "$1")/pid")" 2>/dev/null; }
answers_or_ended() { ended "$1" || { accepts "$(port_of "$1")" && answers "$1"; }; }

# ---- starting

# Adds a free port to the list `taken`.
free_port() {
	local p
	# Below the range that the kernel takes clients' ports from, so that a restart finds it free.
	for _ in $(seq 200); do
		p=$((20000 + RANDOM % 12000))
		[[ " ${taken[*]-} " == *" $p "* ]] && continue
		accepts "$p" && continue
		taken+=("$p")
		return 0
	done
	die "found no free port"
}

# Adds the ports of all servers to `taken`: --port and those after it, or free ones.
choose_ports() {
	local n
	for n in $(seq "$count"); do
		if [ -z "$port" ]; then
			free_port
		else
			! accepts "$((port + n - 1))" || die "port $((port + n - 1)) is in use"
			taken+=("$((port + n - 1))")
		fi
	done
}

launch() {
	local home command
	home=$(home "$1")
	! accepts "$(port_of "$1")" || die "port $(port_of "$1"), which is $kind $1's, is in use by another process"
	server "$1"
	# A session of its own and none of our files, so that it outlives this script, its terminal and
	# its caller's pipes.
	(
		for fd in "/proc/$BASHPID/fd"/*; do [ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"; done
		# shellcheck disable=SC2086 # a list of words
		exec setsid ${SERVERS_RUN//%/$1} "${command[@]}"
	) </dev/null >>"$home/log" 2>&1 &
	echo $! >"$home/pid"
	launched+=("$1")
}

wait_for_answer() {
	until_true "$start_seconds" executed_or_gone "$1" || true
	until_true "$start_seconds" answers_or_ended "$1" && ! ended "$1" && return
	tail -n 30 "$(home "$1")/log" >&2
	if ended "$1"; then
		say "$kind $1 ended at its start; its log is $(home "$1")/log (the end of it above)"
	else
		say "$kind $1 does not answer on port $(port_of "$1") after $start_seconds seconds;" \
			"its log is $(home "$1")/log (the end of it above)"
	fi
	[ ${#launched[@]} = 0 ] || stop_servers "${launched[@]}"
	exit 1
}

start() {
	local n pid
	check
	if exists; then
		[[ -z $count || $count = $(numbers | wc -l) ]] ||
			die "$dir has $(numbers | wc -l) of them, not $count: clean it first, or use another --dir"
		[[ -z $port || $port = $(port_of 1) ]] ||
			die "$kind 1 in $dir has port $(port_of 1), not $port: clean it first, or use another --dir"
		[ -z "$fixed_option" ] || die "$fixed_option is fixed at the first start: clean $dir first, or use another --dir"
	else
		count=${count:-1}
		create
	fi
	for n in $(numbers); do
		if pid=$(pid_of "$n"); then kill -CONT -- "-$pid"; else launch "$n"; fi
	done
	for n in $(numbers); do wait_for_answer "$n"; done
	addresses
}

# ---- stopping

signal() {
	local pid
	pid=$(pid_of "$2") && kill "-$1" -- "-$pid"
}

must_end() { until_true 5 ended "$1" || die "$kind $1 survived SIGKILL"; }

# stop_servers N…: SIGTERM to all at once, SIGKILL to those that take too long.
stop_servers() {
	local n end=$((SECONDS + stop_seconds))
	for n in "$@"; do
		# A paused one has to go on in order to end.
		! signal TERM "$n" || signal CONT "$n" || true
	done
	for n in "$@"; do
		until_true $((end > SECONDS ? end - SECONDS : 0)) ended "$n" && continue
		say "$kind $n does not stop: killing it"
		! signal KILL "$n" || must_end "$n"
	done
	for n in "$@"; do rm -f "$(home "$n")/pid"; done
}

# What is deleted need not be saved first.
clean() {
	local n
	for n in $(numbers); do signal KILL "$n" || true; done
	for n in $(numbers); do must_end "$n"; done
	rm -rf "$dir/$kind"[0-9]* "$dir/ports"
}

status() {
	local n pid state code=0
	for n in $(numbers); do
		if ! pid=$(pid_of "$n"); then
			state="does not run" code=1
		else
			state="runs, process $pid"
			case $(ps -o state= -p "$pid") in T*) state="is paused, process $pid" code=1 ;; esac
		fi
		echo "$kind $n 127.0.0.1:$(port_of "$n") $state"
	done
	return $code
}

# ---- the command line

servers() {
	local verb=${1-} fixed_option=""
	case $verb in
	start | stop | status | clean | kill | pause | resume | restart) shift ;;
	-h | --help | help) help && exit ;;
	*) die "say start, stop, status, clean, kill, pause, resume or restart (see --help)" ;;
	esac
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) help && exit ;;
		[1-9]*) number=$1 && shift && continue ;;
		--*) [ $# -ge 2 ] || die "$1 needs a value (see --help)" ;;
		esac
		case $1 in
		--dir) dir=$2 ;;
		--port) port=$2 ;;
		*) option "$1" "${2-}" || die "unknown argument '$1' (see --help)" ;;
		esac
		shift 2
	done
	[[ ${count:-1}${port:-1}${number:-1} =~ ^[0-9]+$ ]] || die "a number was expected (see --help)"
	[ -n "$dir" ] || die "--dir D is needed (see --help)"

	[ "$verb" != start ] || mkdir -p "$dir"
	if [ -d "$dir" ]; then
		dir=$(cd "$dir" && pwd)
		# One at a time in a folder.
		exec 9>"$dir/lock"
		flock -w $((start_seconds + stop_seconds)) 9 || die "another ${0##*/} is at work in $dir"
	fi
	case $verb in
	start) start && exit ;;
	stop | clean) exists || exit 0 ;;
	*) exists || die "nothing in $dir: '${0##*/} start --dir $dir' makes it" ;;
	esac
	case $verb in kill | pause | resume | restart)
		[[ -n $number && -d $(home "$number") ]] || die "$verb needs a number, 1 to $(numbers | tail -n 1)"
		;;
	esac

	case $verb in
	stop)
		# shellcheck disable=SC2046 # a list of numbers
		stop_servers $(numbers)
		;;
	clean) clean ;;
	status) status ;;
	kill)
		signal KILL "$number" || die "$kind $number does not run"
		must_end "$number"
		;;
	pause) signal STOP "$number" || die "$kind $number does not run" ;;
	resume) signal CONT "$number" || die "$kind $number does not run" ;;
	restart)
		stop_servers "$number"
		launch "$number"
		wait_for_answer "$number"
		;;
	esac
}
