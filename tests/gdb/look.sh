#!/bin/bash
# look.sh SUBJECT SCRIPT [EMULATOR...] - does the gdb script see running and parked coroutines?
# Live and in cores; a program for another processor live only, by its emulator's gdb stub.
set -u
subject=$1 script=$2
shift 2
gdb=gdb
[ $# = 0 ] || gdb=gdb-multiarch
command -v $gdb >/dev/null || { echo "SKIP: $gdb is not installed"; exit 77; }
$gdb --batch -ex 'python pass' >/dev/null 2>&1 || { echo "SKIP: $gdb has no Python"; exit 77; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT

bare() { timeout 60 $gdb -nx --batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' "$@" 2>&1; }

bad=0
# wants TEXT REGEX...: the lines that fit come in this order
wants() {
    local text=$1 regex
    shift
    for regex; do
        if ! grep -q "$regex" <<<"$text"; then
            echo "not seen, or not in its place: $regex"
            bad=1
            return
        fi
        text=$(sed "0,/$(sed 's,/,\\/,g' <<<"$regex")/d" <<<"$text")
    done
}

list=('coroutine 1 root: waiting in scope on 0x'
    'coroutine 2 first: waiting in recv on 0x.*, runs receiver, made in root+'
    'coroutine 3 second: waiting in recv on 0x'
    'coroutine 4 background (daemon): waiting in sleep, runs sleeper, made in root+'
    'coroutine 5 -: running in thread [0-9]*, runs runner, made in root+')
frames=('coroutine 1 root' '#.* coop_scope_wait' '#.* root (' '#.* coop__first_step'
    'coroutine 2 first' '#.* coop_recv' '#.* wait_deep_inside' '#.* wait_deep_inside'
    '#.* wait_deep_inside' '#.* wait_deep_inside' '#.* receiver' '#.* coop__first_step'
    'coroutine 3 second' '#.* receiver' '#.* coop__first_step'
    'coroutine 4 background' '#.* coop_sleep_until' '#.* sleeper' '#.* coop__first_step'
    'coroutine 5' '#0 .*look_here' '#.* runner' '#.* coop__first_step')

if [ $# -gt 0 ]; then # the emulator waits in its socket for gdb
    timeout 60 "$@" -g "$dir/stub" "$subject" &
    trap 'kill $! 2>/dev/null; rm -rf "$dir"' EXIT
    until [ -S "$dir/stub" ] || ! kill -0 $! 2>/dev/null; do read -rt 0.1 <> <(:); done
    live=$(bare -ex "source $script" -ex "target remote $dir/stub" -ex 'break look_here' \
        -ex continue -ex 'coop list' -ex 'coop bt all' -ex continue "$subject")
    wants "$live" "${list[@]}" "${frames[@]}" 'exited normally'
    [ "$bad" = 0 ] || printf '%s\n' "--- live:" "$live"
    exit "$bad"
fi

live=$(bare -ex "source $script" -ex 'break look_here' -ex run -ex 'coop list' -ex 'coop bt all' \
    -ex 'coop bt 99' -ex 'coop select 2' -ex 'up' -ex 'coop select none' -ex 'frame 0' \
    -ex "gcore $dir/gcore" -ex continue --args "$subject" old)
if grep -q 'ptrace: Operation not permitted\|Could not trace the inferior' <<<"$live"; then
    echo "SKIP: this machine forbids ptrace"
    exit 77
fi
wants "$live" 'Breakpoint 1, ' "${list[@]}" "${frames[@]}" 'there is no coroutine 99' \
    '#1 ' 'coroutine 2 first' '#2 ' '#0 .*look_here' 'Saved corefile' 'exited normally'
[ "$bad" = 0 ] || printf '%s\n' "--- live:" "$live"

# see_core FILE: the same out of a core
see_core() {
    local text was=$bad
    text=$(bare -ex "source $script" -ex 'coop list' -ex 'coop bt all' "$subject" "$1")
    wants "$text" "${list[@]}" "${frames[@]}"
    [ "$bad" = "$was" ] || printf '%s\n' "--- $1:" "$text"
}

see_core "$dir/gcore"
if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
    { (cd "$dir" && ulimit -c unlimited && "$subject" abort); } 2>/dev/null
    mv "$dir"/core* "$dir/kernel"
    frames[20]='#.* look_here'
    see_core "$dir/kernel"
else
    echo "SKIP: cores of the kernel go elsewhere (core_pattern)"
fi
[ "$bad" = 0 ] && echo "running and parked coroutines seen, live and in cores"
exit "$bad"
