# Under real controllers: what bounds a sandbox, how it ends, and what it leaves; as root and as an
# ordinary user with a group of its own.
. /payload/check.sh
chmod 755 /payload
groups=/sys/fs/cgroup
mkdir -p /srv/work
chmod 777 /srv/work
cd /srv/work

# A group that root hands to the user, with nobody in it: the launcher alone will enter it.
mkdir $groups/given
echo '+memory +pids +cpu' >$groups/cgroup.subtree_control
chown user $groups/given $groups/given/cgroup.procs $groups/given/cgroup.subtree_control \
  $groups/given/cgroup.threads

cat >/var/enter.sh <<'SH'
echo $$ >/sys/fs/cgroup/given/cgroup.procs || exit 99
cd /srv/work
exec su user -s /bin/sh -c "exec /payload/coop-run --receipt /srv/work/receipt $1 -- /bin/sh -c '$2'"
SH

for caller in root user; do
  run() { # OPTIONS COMMAND
    rm -f receipt
    if [ $caller = root ]; then
      coop-run --receipt receipt $1 -- /bin/sh -c "$2" >/tmp/out 2>/tmp/err
    else
      sh /var/enter.sh "$1" "$2" >/tmp/out 2>/tmp/err
    fi
    code=$?
  }
  ended() { # SENTENCE RESULT
    check "$caller: $1" grep -q "\"result\": \"$2\"" receipt
    grep -q "\"result\": \"$2\"" receipt || cat receipt /tmp/err
  }
  says() { # SENTENCE TEXT
    check "$caller: $1" grep -q "$2" receipt
    grep -q "$2" receipt || cat receipt /tmp/err
  }
  number() { # KEY
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" receipt
  }

  run '--memory-max 32M --wall-time 60s' 'dd if=/dev/zero of=/dev/null bs=200M count=1; true'
  ended 'a hog of memory is ended, and all with it' memory
  check "$caller: by SIGKILL" test $code -eq 137
  says 'a cgroup keeps the memory' '"name": "MemoryMax", "asked": 33554432, "unit": "bytes", "kept_by": "cgroup"'
  run '--memory-max 32M --wall-time 60s' 'dd if=/dev/zero of=/tmp/x bs=1M count=200'
  ended 'memory of a file system in memory counts' memory
  run '--memory-max 32M' 'echo fine'
  ended 'who needs little is left alone' exit

  run '--tasks-max 10 --wall-time 60s' 'bomb() { bomb & bomb; }; bomb 2>/dev/null; exit 3'
  check "$caller: a fork bomb stays below its bound" \
    grep -qE '"result": "(tasks|wall-time)"' receipt
  run '--tasks-max 10 --wall-time 60s' \
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; exit 3'
  ended 'who is refused a fork and fails has run out of tasks' tasks

  run '--cpu-quota 20% --wall-time 2s' 'while :; do :; done'
  ended 'a quota ends nobody' wall-time
  check "$caller: a fifth of a processor in two seconds" test "$(number cpu_usec)" -lt 1000000
  run '--cpu-time 500ms --wall-time 60s' \
    'for i in 1 2 3; do (while :; do :; done) & done; wait'
  ended 'CPU time of all together' cpu-time
  says 'counted by the cgroup' '"name": "CPUTime", "asked": 500000, "unit": "usec", "kept_by": "cgroup"'
  run '--private-pids=no --memory-max 64M --wall-time 300ms' \
    'sleep 1000 & setsid sleep 1000 & sleep 1000'
  ended 'without a PID namespace all of it is ended, too' wall-time
  check "$caller: nothing of it lives on" sh -c '! ps | grep -q "[s]leep 1000"'

  run '--cpu-weight 50 --memory-high 64M' 'cat /proc/self/cgroup'
  check "$caller: inside, the own group is the root" grep -q '^0::/$' /tmp/out
  check "$caller: no group is left" test -z "$(find $groups -name 'coop-*')"
done

# What this machine does not hand down is refused, or replaced.
mkdir $groups/bare
cat >/var/bare.sh <<'SH'
echo $$ >/sys/fs/cgroup/given/bare/cgroup.procs || exit 99
exec coop-run "$@"
SH
mkdir $groups/given/bare
sh /var/bare.sh --memory-max 32M -- true 2>/tmp/err
check 'a bound that nobody keeps is refused' test $? -eq 125
check 'and named' grep -q 'MemoryMax= cannot be kept' /tmp/err
sh /var/bare.sh --prefer limits --memory-max 32M --receipt receipt -- \
  dd if=/dev/zero of=/dev/null bs=200M count=1 2>/tmp/err
check 'preferred, it is kept by looking' grep -q '"result": "memory"' receipt
check 'and the receipt says so' grep -q '"kept_by": "polling"' receipt
sh /var/bare.sh --prefer limits --cpu-quota 10% --receipt receipt -- true 2>/tmp/err
check 'what nothing comes near is named, too' grep -q '"kept_by": null' receipt

# A launcher that is killed: the keeper cleans up.
coop-run --memory-max 64M -- sleep 1000 &
launcher=$!
wait_for 'its group is there' test -d $groups/coop-$launcher/run
kill -9 $launcher
wait_for 'its group goes away without it' test ! -e $groups/coop-$launcher
# Killed while it sets up: in the root of all groups, and alone in one that it has to leave for the
# controllers to be handed down.
check "killed at 20 points of its setup it leaves nothing" \
  /payload/attack_setup /payload/coop-run 20 >/tmp/out 2>&1
cat /tmp/out
mkdir $groups/alone
check "nor where it steps aside" \
  /payload/attack_setup /payload/coop-run 6 2 $groups/alone >/tmp/out 2>&1
cat /tmp/out

report
