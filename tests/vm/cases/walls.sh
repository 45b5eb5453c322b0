# What this kernel has of Landlock is used, and what it lacks is told.
. /payload/check.sh
mkdir -p /var/work/here
cd /var/work/here
case $(uname -r) in
  6.1.*) abi=2 ;;
  *) abi=6 ;;
esac
echo precious >precious

coop-run --receipt /tmp/receipt -- /bin/true
check "Landlock's ABI $abi is in force" grep -q "\"landlock_abi\": $abi," /tmp/receipt
coop-run -- /bin/sh -c 'echo gone >/proc/self/fd/0' <precious 2>/tmp/err
check 'a file as stdin is not written' grep -q precious precious
coop-run -- /bin/true 2>/tmp/err
check 'behind the namespaces nothing is lost' test ! -s /tmp/err
coop-run --memory-deny-write-execute -- /bin/true 2>/tmp/err
check 'no-wx has a way here' test $? -eq 0

coop-run --private-pids=no --require=restrict-signals -- /bin/true 2>/tmp/err
signals=$?
coop-run --connect-tcp=none -- /bin/true 2>/tmp/err.tcp
ports=$?
if [ $abi = 2 ]; then
  check 'signals need a newer kernel' grep -q 'signals (Linux 6.12)' /tmp/err
  check 'ports need a newer kernel' grep -q 'TCP ports (Linux 6.7)' /tmp/err.tcp
  coop-run --private-pids=no -- /bin/true 2>/tmp/err
  check 'what is preferred is told' grep -q 'not in force here: RestrictSignals' /tmp/err
else
  check 'signals stay inside' test $signals -eq 0
  check 'ports are judged' test $ports -eq 0
  coop-run -- truncate -s 0 /proc/self/fd/0 <precious 2>/tmp/err
  check 'a file as stdin is not cut off' grep -q precious precious
fi

mkdir -p agent/way
cd agent
coop-run --profile=agent --require=FrozenPaths --receipt /tmp/receipt -- /bin/sh -c \
  'echo x >.envrc; mkdir way/.git; mkdir way/.git/hooks; mkdir .git; echo a >a; mv a b; ln -s b c' 2>/tmp/err
check 'agent: what is frozen cannot be made' test ! -e .envrc -a ! -e way/.git/hooks
check 'agent: everything else can' test -e b -a -L c -a -d .git
check 'agent: what was refused is counted' grep -q '"names_refused": 2' /tmp/receipt
report
