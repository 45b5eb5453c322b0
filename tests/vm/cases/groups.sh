# coopd under real controllers, in a group that it was given: it steps aside and hands them down; as
# root, as an ordinary user, with others in the group, and as a container's supervisor that is killed.
. /payload/check.sh
chmod 755 /payload
groups=/sys/fs/cgroup
mkdir -p /var/etc
cat >/var/etc/vm.ini <<'INI'
[Service boxed]
ExecStart=/bin/sleep 1000
Sandbox=none
PrivatePIDs=yes
PrivateUsers=yes
Prefer=PrivateUsers,PrivatePIDs

[Service hog]
Type=oneshot
ExecStart=/bin/dd if=/dev/zero of=/dev/null bs=200M count=1
MemoryMax=32M
Sandbox=none
After=boxed

[Service forks]
Type=oneshot
ExecStart=/bin/sh -c "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; exit 3"
TasksMax=5
Sandbox=none

[Service burner]
Type=oneshot
ExecStart=/bin/sh -c "while :; do :; done & while :; do :; done"
CPUTime=300ms
Sandbox=none

[Service calm]
ExecStart=/bin/sleep 1000
MemoryMax=64M
CPUWeight=50
Sandbox=none

[Service guest]
ExecStart=/bin/sleep 1000
User=user
PrivateUsers=yes
Prefer=PrivateUsers
MemoryMax=64M
Sandbox=none
INI

field() { # NAME KEY: one field of a service's status
  coopctl --socket $socket --json status "$1" 2>/dev/null | tr -d ' \n' |
    sed -n "s/.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}
has() { # NAME KEY VALUE
  [ "$(field "$1" "$2")" = "$3" ]
}
mkdir $groups/given
echo '+memory +pids +cpu' >$groups/cgroup.subtree_control
cat >/var/enter.sh <<'SH'
echo $$ >/sys/fs/cgroup/given/cgroup.procs || exit 99
exec "$@"
SH

for caller in root user; do
  socket=/tmp/$caller/control.sock
  mkdir -p /tmp/$caller
  chown $caller /tmp/$caller $groups/given $groups/given/cgroup.procs \
    $groups/given/cgroup.subtree_control $groups/given/cgroup.threads
  as=
  [ $caller = root ] || as="su $caller -s /bin/sh -c"
  words="exec /payload/coopd --config /var/etc --socket $socket --state-dir /tmp/$caller/state --log-dir /tmp/$caller/log"
  if [ $caller = root ]; then
    sh /var/enter.sh sh -c "$words" 2>/tmp/coopd.log &
  else
    sh /var/enter.sh su user -s /bin/sh -c "$words" 2>/tmp/coopd.log &
  fi
  daemon=$!
  wait_for "$caller: coopd answers" coopctl --socket $socket daemon
  check "$caller: it has stepped aside" \
    sh -c "grep -q '^0::/given/coop-$daemon/%self$' /proc/$daemon/cgroup"
  wait_for "$caller: a service is beside it" has boxed state up
  wait_for "$caller: a user alone in a namespace is in its group" has guest state up
  check "$caller: and so is what was launched as that user" \
    sh -c "grep -q '^0::/given/coop-$daemon/guest$' /proc/$(field guest pid)/cgroup"
  wait_for "$caller: a hog of memory is ended" has hog result memory
  wait_for "$caller: who is refused a fork and fails has run out of tasks" has forks result tasks
  wait_for "$caller: CPU time of all together" has burner result cpu-time
  wait_for "$caller: who needs little is left alone" has calm state up
  check "$caller: its bound is written down" \
    grep -q '^67108864$' $groups/given/coop-$daemon/calm/memory.max
  coopctl --socket $socket shutdown
  wait $daemon
  check "$caller: coopd ends with 0" test $? -eq 0
  check "$caller: no group is left" test -z "$(find $groups -name 'coop-*')"
  check "$caller: nothing is handed down any more" test -z "$(cat $groups/given/cgroup.subtree_control)"
  [ $failures -eq 0 ] || cat /tmp/coopd.log
done

# Somebody else lives there: nobody is moved, and what cannot be kept is refused.
socket=/tmp/root/control.sock
sh /var/enter.sh sleep 1000 &
stranger=$!
sh /var/enter.sh coopd --config /var/etc --socket $socket --state-dir /tmp/root/state \
  --log-dir /tmp/root/log 2>/tmp/coopd.log &
daemon=$!
wait_for 'coopd answers beside a stranger' coopctl --socket $socket daemon
wait_for 'a bound that nobody keeps is refused' has hog result setup-error
check 'and why is said' grep -q 'other processes are in that cgroup' /tmp/coopd.log
check 'the stranger is where it was' grep -q '^0::/given$' /proc/$stranger/cgroup
coopctl --socket $socket shutdown
wait $daemon
kill $stranger
wait $stranger
check 'no group is left' test -z "$(find $groups -name 'coop-*')"

# A container: what started coopd is in its group as well, and starts it again.
cat >/var/respawn.sh <<'SH'
while [ ! -e /tmp/root/enough ]; do
  coopd --config /var/etc --socket /tmp/root/control.sock --state-dir /tmp/root/state \
    --log-dir /tmp/root/log 2>>/tmp/coopd.log
  if [ -e /tmp/root/wanted ]; then # somebody who lives where the dead coopd did
    rm /tmp/root/wanted
    sleep 1000 &
    echo $! >/tmp/root/bystander
  fi
done
SH
coopd_pid() {
  coopctl --socket $socket --json daemon 2>/dev/null | tr -d ' \n' | sed -n 's/.*"pid":\([0-9]*\).*/\1/p'
}
is_another() {
  now=$(coopd_pid)
  [ -n "$now" ] && [ "$now" != "$1" ]
}
sh /var/enter.sh coop-run --profile none --protect-control-groups private -- /bin/sh /var/respawn.sh &
container=$!
wait_for 'coopd answers in a container' is_another 0
first=$(coopd_pid)
check 'what started it came along' sh -c "
  grep -q '^0::/given/coop-$first/%self$' /proc/$first/cgroup"
wait_for 'a hog of memory is ended in a container' has hog result memory
kill -9 $first
wait_for 'it is started again' is_another $first
second=$(coopd_pid)
wait_for 'a hog of memory is ended again' has hog result memory
wait_for 'the other is up again' has boxed state up
check 'not below the dead one' grep -q "^0::/given/coop-$second/%self$" /proc/$second/cgroup
check 'what it left is adopted where it was' test -d $groups/given/coop-$first/calm
touch /tmp/root/wanted
kill -9 $second
wait_for 'it is started a third time' is_another $second
third=$(coopd_pid)
wait_for 'the other is up a third time' has boxed state up
check 'who is no service of the dead one lives on' \
  grep -q "^0::/given/coop-$second/%self$" /proc/$(cat /tmp/root/bystander)/cgroup
kill -9 $(cat /tmp/root/bystander) $third
wait_for 'it is started a fourth time' is_another $third
wait_for 'the other is up a fourth time' has boxed state up
check 'when that has ended, nothing is left there' test ! -e $groups/given/coop-$second
touch /tmp/root/enough
coopctl --socket $socket shutdown
wait $container
check 'no group is left of the container' test -z "$(find $groups -name 'coop-*')"
[ $failures -eq 0 ] || { cat /tmp/coopd.log; cat /proc/*/cgroup | sort | uniq -c; find $groups -name 'coop-*'; }
report
