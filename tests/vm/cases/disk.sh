# A real disk (NVMe) and the io controller: what a sandbox or a service reads and writes is slowed
# down to its bound, for root and for an ordinary user with a group of its own.
. /payload/check.sh
chmod 755 /payload
groups=/sys/fs/cgroup
disk=/dev/nvme0n1
check 'there is a disk' test -b $disk
chmod 666 $disk
mkdir -p /var/work
chmod 777 /var/work
cd /var/work
mkdir $groups/given
echo '+io' >$groups/cgroup.subtree_control
chown user $groups/given $groups/given/cgroup.procs $groups/given/cgroup.subtree_control \
  $groups/given/cgroup.threads
cat >/var/enter.sh <<'SH'
echo $$ >/sys/fs/cgroup/given/cgroup.procs || exit 99
cd /var/work
exec su user -s /bin/sh -c "exec /payload/coop-run --receipt /var/work/receipt --ro-bind /bin /bin --dev /dev --dev-bind /dev/nvme0n1 /dev/nvme0n1 '$1' -- /bin/sh -c '$2'"
SH

# 4 MiB past the cache; at 1 MiB a second they take about four seconds, and the first is free.
write='dd if=/dev/zero of=/dev/nvme0n1 bs=65536 count=64 oflag=direct'
read='dd if=/dev/nvme0n1 of=/dev/null bs=65536 count=64 iflag=direct'
for caller in root user; do
  run() { # OPTION COMMAND
    rm -f receipt
    if [ $caller = root ]; then
      coop-run --receipt receipt --ro-bind /bin /bin --dev /dev --dev-bind $disk $disk "$1" -- /bin/sh -c "$2" >/tmp/out 2>/tmp/err
    else
      sh /var/enter.sh "$1" "$2" >/tmp/out 2>/tmp/err
    fi
    code=$?
    spent=$(sed -n 's/.*"wall_usec": \([0-9]*\).*/\1/p' receipt)
  }
  slowed() { # SENTENCE, after a run
    check "$caller: $1" test "$code:$((spent > 2500000))" = 0:1
    [ $code -eq 0 ] && [ "$spent" -gt 2500000 ] || { echo "$code after $spent us"; cat /tmp/err; }
  }
  run --hostname=vm "$write && $read"
  check "$caller: without a bound both are quick" test "$code:$((spent < 2000000))" = 0:1
  run "--io-write-bandwidth-max=$disk 1M" "$write"
  slowed 'writing is slowed down'
  check "$caller: a cgroup keeps it" grep -q '"name": "IOWriteBandwidthMax".*"kept_by": "cgroup"' receipt
  run "--io-read-bandwidth-max=$disk 1M" "$read"
  slowed 'reading is slowed down'
  run "--io-write-iops-max=$disk 16" "$write"
  slowed 'so are single writes'
  run "--io-read-bandwidth-max=$disk 1M" "$write"
  check "$caller: what is not bounded stays quick" test "$code:$((spent < 2000000))" = 0:1
  check "$caller: no group is left" test -z "$(find $groups -name 'coop-*')"
done

# A service, and what the kernel has written down of it.
mkdir -p /var/etc
cat >/var/etc/vm.ini <<INI
[Service slow]
ExecStart=/bin/sh -c "$write; exec sleep 1000"
IOWriteBandwidthMax=$disk 1M
IOReadIOPSMax=$disk 100
Sandbox=none
INI
coopd --config /var/etc --socket /tmp/control.sock --state-dir /tmp/state --log-dir /tmp/log 2>/tmp/coopd.log &
daemon=$!
limits=$groups/coop-$daemon/slow/io.max
wait_for 'a service has its bounds' grep -q 'rbps=max wbps=1048576 riops=100 wiops=max' $limits
wait_for 'and writes below them' sh -c "awk '{ for (i = 2; i <= NF; i++) if (\$i ~ /^wbytes=[1-9]/) found = 1 } END { exit !found }' $groups/coop-$daemon/slow/io.stat"
coopctl --socket /tmp/control.sock shutdown
wait $daemon
check 'coopd ends with 0' test $? -eq 0
[ $failures -eq 0 ] || cat /tmp/coopd.log
report
