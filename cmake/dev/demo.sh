# demo.sh - run, status, stop
#
# Everything the demo writes lies under build/demo: etc (filled-in settings), run (socket, FIFOs),
# state, log, and one folder for each daemon's data.  Nothing else on the machine is touched.

BIN=$ROOT/build/release
SERVICES="prepare redis clock worker web"
READY_LINE="coopd: version .* socket"     # what coopd logs when it listens
REDIS_UP_LINE="service: redis: .*up/main"    # ... and when redis serves again

# demo_in FOLDER: which demo the functions below mean.
demo_in() {
    DEMO=$1
    SOCKET=$DEMO/run/control.sock
    DEMO_LOG=$DEMO/coopd.log
}
demo_in "$ROOT/build/demo"

ctl() { "$BIN/coopctl" --socket "$SOCKET" "$@"; }

# say_and_run COMMAND-AS-TYPED COMMAND...: a failing demonstration must not end the demo.
say_and_run() {
    show "$1"
    shift
    "$@" >&2 || note "(exit $?)"
}

demo_running() { [ -x "$BIN/coopctl" ] && [ -S "$SOCKET" ] && ctl daemon >/dev/null 2>&1; }

# free_port FIRST: the first loopback port from there on that nobody listens on.
free_port() {
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        port=$((port + 1))
    done
    echo "$port"
}

# fill TEMPLATE RESULT
fill() {
    local keep='p'
    [ "$(id -u)" = 0 ] || keep='/^User=/!p' # an ordinary user's services run as that user
    sed -n -e "s#@DEMO@#$DEMO#g" -e "s#@WEB_PORT@#$WEB_PORT#g" -e "s#@REDIS_PORT@#$REDIS_PORT#g" \
        -e "s#@NGINX@#$NGINX#g" -e "s#@REDIS@#$REDIS#g" -e "$keep" "$1" >"$2"
}

demo_furnish() {
    NGINX=$(PATH=$PATH:/usr/sbin command -v nginx) || die "nginx is not installed" "./dev setup demo"
    REDIS=$(command -v redis-server) || die "redis-server is not installed" "./dev setup demo"
    [ ${#SOCKET} -le 100 ] || die "the path of this folder is too long for a unix socket in it" \
        "clone it to a place with a shorter name"
    [[ $ROOT != *[[:space:]:#\&\\\"]* ]] || die "the demo cannot live in a folder with blanks or : # & in its path" \
        "clone it to a place with a plainer name"
    mkdir -p "$DEMO"/{etc/nginx,etc/redis,bin,site,redis}
    WEB_PORT=$(free_port 18080)
    REDIS_PORT=$(free_port 16379)
    printf '%s\n' "$WEB_PORT" >"$DEMO/web-port"
    cp configs/demo/bin/* "$DEMO/bin/"
    fill configs/demo/demo.ini.in "$DEMO/etc/demo.ini"
    fill configs/demo/nginx.conf.in "$DEMO/etc/nginx/nginx.conf"
    fill configs/demo/redis.conf.in "$DEMO/etc/redis/redis.conf"
    if [ "$(id -u)" = 0 ]; then
        chown -R www-data "$DEMO/site"
        chown -R redis "$DEMO/redis"
    fi
}

# wait_log PATTERN FIRST-LINE: until coopd has logged it; fails when coopd ends or 30 s are over.
wait_log() {
    local lines reader found=0
    exec {lines}< <(exec tail -n "+$2" -F --pid="$COOPD" "$DEMO_LOG" 2>/dev/null)
    reader=$!
    timeout 30 grep -E -q -m1 -- "$1" <&"$lines" || found=1
    kill "$reader" 2>/dev/null || true
    exec {lines}<&-
    return $found
}

next_line() { echo $(($(wc -l <"$DEMO_LOG") + 1)); }

demo_start() {
    title "starting coopd on build/demo/etc/demo.ini"
    demo_furnish
    : >"$DEMO_LOG"
    setsid "$BIN/coopd" --config "$DEMO/etc/demo.ini" --socket "$SOCKET" \
        --state-dir "$DEMO/state" --log-dir "$DEMO/log" </dev/null >"$DEMO_LOG" 2>&1 &
    COOPD=$!
    echo "$COOPD" >"$DEMO/coopd.pid"
    wait_log "$READY_LINE" 1 && ctl start $SERVICES >&2 || {
        tail -n 20 "$DEMO_LOG" >&2
        die "coopd did not bring the demo up; its last words are above, all of them in build/demo/coopd.log (./dev status looks closer, ./dev stop ends it)"
    }
    note "coopd is PID $COOPD, its log is build/demo/coopd.log"
}

# pid_of SERVICE: its main process, from the machine-readable status.
pid_of() { ctl --json status "$1" | tr -d ' \n' | sed -n 's/.*"pid":\([0-9][0-9]*\).*/\1/p'; }

demo_kill_redis() {
    local before after from
    before=$(pid_of redis)
    [ -n "$before" ] || { note "redis is not up just now" && return 1; }
    from=$(next_line)
    show "kill -9 $before        # the redis that is running now"
    kill -9 "$before"
    wait_log "$REDIS_UP_LINE" "$from" || note "redis did not come back within 30 s"
    after=$(pid_of redis)
    note "redis was PID $before and is PID ${after:-?} now"
    [ -n "$after" ] && [ "$after" != "$before" ]
}

# demo_check: the whole demo once, in a folder of its own, for ./dev test --full.
demo_check() (
    demo_in "$ROOT/build/demo-check"
    demo_start
    curl -sS --max-time 10 "http://127.0.0.1:$WEB_PORT/" | grep 'out of a sandbox' >/dev/null &&
        demo_kill_redis
    result=$?
    demo_stop
    [ $result = 0 ] && [ ! -e "$SOCKET" ]
)

# What a sandboxed command sees of this machine: itself, /usr, and closed doors.
PEEK='id; echo "my PID is $$, and I see these: $(echo /proc/[0-9]*)"; ls /home /root; head -1 /etc/shadow; kill -9 '

demo_show() {
    say_and_run "coopctl status" ctl status
    say_and_run "coopctl tree" ctl tree
    say_and_run "curl http://127.0.0.1:$WEB_PORT/" curl -sS --max-time 10 "http://127.0.0.1:$WEB_PORT/"
    demo_kill_redis || true
    say_and_run "coop-run -- sh -c '$PEEK$COOPD'    # cannot see the host, cannot kill coopd" \
        "$BIN/coop-run" -- sh -c "$PEEK$COOPD"
}

demo_hints() {
    cat >&2 <<EOF

${BOLD}The demo is running.${PLAIN} To look further:

    export PATH=$BIN:\$PATH COOP_SOCKET=$SOCKET
    coopctl status                  # the worker's restarts go up every seven seconds
    coopctl logs -f worker          # and this is why
    coopctl restart web             # also: start, stop, reload, kill -s HUP web
    coop-run --explain -- ls /      # every step between here and a sandboxed ls
    less configs/demo/demo.ini.in   # what these services are

    ./dev status                    # status and tree again
    ./dev stop                      # stop everything in order
EOF
}

demo_run() {
    mkdir_build
    build_preset release || die "the build failed; the first message above says where"
    if demo_running; then
        title "the demo is running already"
        demo_status
        if [ "$BIN/coopd" -nt "$DEMO/coopd.pid" ]; then
            note "it runs an older build: ./dev stop, then ./dev run for the new one"
        fi
    else
        demo_start
        demo_show
    fi
    demo_hints
}

demo_status() {
    demo_running || {
        note "the demo is not running; ./dev run starts it"
        exit 3
    }
    WEB_PORT=$(cat "$DEMO/web-port")
    say_and_run "coopctl status" ctl status
    say_and_run "coopctl tree" ctl tree
    note "nginx answers on http://127.0.0.1:$WEB_PORT/"
}

demo_stop() {
    demo_running || {
        note "the demo is not running"
        return 0
    }
    title "stopping the demo"
    ctl shutdown >&2 || note "coopctl shutdown: exit $?"
    # coopd holds this lock as long as it lives, so the lock says when it has ended.
    flock -w 120 "$SOCKET.lock" true || die "coopd has not ended after two minutes" \
        "look into build/demo/coopd.log"
    note "everything has stopped"
}
