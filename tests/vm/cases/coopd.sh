# coopd starts, restarts, shows and stops services on this kernel, and leaves nothing behind.
. /payload/check.sh
chmod 755 /payload
mkdir -p /etc/coop
cat >/etc/coop/vm.ini <<'INI'
[Service plain]
ExecStart=/bin/sh -c "sleep 1000 & exec sleep 1000"
Sandbox=none
Restart=always

[Service boxed]
ExecStart=/bin/sh -c "(sleep 1000 &); exec sleep 1000"
Sandbox=service
Restart=always

[Service once]
Type=oneshot
ExecStart=/bin/sh -c "echo done once"

[Service hog]
Type=oneshot
ExecStart=/bin/sh -c "dd if=/dev/zero of=/dev/null bs=200M count=1"
MemoryMax=32M
Sandbox=service

[Service after]
ExecStart=/bin/sleep 1000
User=user
Requires=once
After=once
INI

field() { # NAME KEY: one field of a service's status
  coopctl --json status "$1" | tr -d ' \n' | sed -n "s/.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}
is_new() { # NAME PID: it runs, under another PID
  now=$(field "$1" pid)
  [ -n "$now" ] && [ "$now" != null ] && [ "$now" != "$2" ]
}

coopd 2>/tmp/coopd.log &
daemon=$!
wait_for 'coopd answers' coopctl daemon
for name in plain boxed after; do wait_for "$name is up" coopctl status $name; done
wait_for 'a hog of memory is ended' grep -q 'hog: ended, because MemoryMax= is used up' /tmp/coopd.log
check 'the oneshot is done' test "$(field once state)" = done
check 'the cgroup of coopd is there' test -d "/sys/fs/cgroup/coop-$daemon"
for name in plain boxed; do
  before=$(field $name pid)
  kill -9 "$before"
  wait_for "$name is back with a new PID" is_new $name "$before"
done
coopctl tree >/tmp/tree
check 'the tree shows the PID inside' grep -q ' 2  ' /tmp/tree
coopctl shutdown
check 'shutdown' test $? -eq 0
wait $daemon
check 'coopd ends with 0' test $? -eq 0
check 'no service is left' sh -c '! ps | grep -q "[s]leep 1000"'
check 'no cgroup is left' sh -c '! ls /sys/fs/cgroup | grep -q "^coop-"'
[ $failures -eq 0 ] || cat /tmp/coopd.log
report
