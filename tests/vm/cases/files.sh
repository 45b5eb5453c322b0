# Layers, maps of ids, joined namespaces and the strictest profile on this kernel, for root and for an
# ordinary user.
. /payload/check.sh
chmod 755 /payload
mkdir -p /var/work
chmod 777 /var/work
cd /var/work
check 'overlays are there' grep -q overlay /proc/filesystems

for caller in root user; do
  layers=/var/work/$caller
  mkdir -p $layers/a $layers/b $layers/up $layers/wk
  echo low >$layers/a/low
  echo below >$layers/a/both
  echo above >$layers/b/both
  chown -R $caller:$caller $layers
  box() { # OPTIONS SCRIPT: in the default box, as the caller
    if [ $caller = root ]; then
      coop-run $1 -- /bin/sh -c "$2" >/tmp/out 2>/tmp/err
    else
      su user -s /bin/sh -c "cd /var/work; exec /payload/coop-run $1 -- /bin/sh -c '$2'" >/tmp/out 2>/tmp/err
    fi
  }
  gives() { # SENTENCE EXPECTED OPTIONS SCRIPT
    box "$3" "$4"
    check "$caller: $1" test "$(cat /tmp/out | tr '\n' ' ')" = "$2 "
    [ "$(cat /tmp/out | tr '\n' ' ')" = "$2 " ] || cat /tmp/out /tmp/err
  }
  system='--ro-bind /bin /bin --proc /proc' # busybox is all of it
  sources="$system --overlay-src $layers/a --overlay-src $layers/b"
  gives 'layers show the upper one first' 'low above' "$sources --ro-overlay /m" 'cat /m/low /m/both'
  gives 'what is written goes to a layer of its own' 'mine 1' "$sources --tmp-overlay /m" \
    'echo mine >/m/low; rm /m/both; cat /m/low; ls /m | wc -l'
  check "$caller: the layers below stay as they were" \
    test "$(cat $layers/a/low $layers/b/both | tr '\n' ' ')" = 'low above '
  gives 'what is written goes to the directory that is named' 'mine' \
    "$system --overlay-src $layers/a --overlay $layers/up $layers/wk /m" 'echo mine >/m/low; cat /m/low'
  check "$caller: and is there afterwards" test "$(cat $layers/up/low)" = mine

  gives 'every wall of the strictest profile is there' 'fine' '--profile strict' 'echo fine'
  gives 'one that judges a strangers program as well' 'fine' '--profile judge' 'echo fine'
done

caller=root
gives 'a range of ids is mapped' '0 100000 10 200000' '--uid-map=0:100000:10 --gid-map=0:200000:10' \
  'id -u; set -- $(cat /proc/self/uid_map /proc/self/gid_map); echo $2 $3 $5'
gives 'one of its ids is the programs' '7' '--uid-map=0:100000:10 --gid-map=0:100000:10 --uid=7' 'id -u'

# Namespaces that somebody else has made: of a network, with its interface as the sign; of names of
# hosts; and, for the user, those that belong to a user namespace of its own.
unshare -n -u -i sleep 1000 &
holder=$!
wait_for 'somebody has namespaces' sh -c "[ \$(readlink /proc/$holder/ns/net) != \$(readlink /proc/self/ns/net) ] &&
  grep -q sleep /proc/$holder/comm"
for kind in net:network uts:uts ipc:ipc; do
  wanted=$(readlink /proc/$holder/ns/${kind%:*})
  gives "joins ${kind%:*}" "$wanted" \
    "--${kind#*:}-namespace-path=/proc/$holder/ns/${kind%:*} --private-users=no --profile=none" \
    "readlink /proc/self/ns/${kind%:*}"
done
kill $holder
wait $holder
su user -s /bin/sh -c 'exec unshare -U -r -u sleep 1000' &
holder=$!
wait_for 'the user has some, too' sh -c "grep -q sleep /proc/$holder/comm &&
  [ \$(readlink /proc/$holder/ns/user) != \$(readlink /proc/self/ns/user) ]"
caller=user
gives 'joins what belongs to its user namespace' "$(readlink /proc/$holder/ns/uts)" \
  "--user-namespace-path=/proc/$holder/ns/user --uts-namespace-path=/proc/$holder/ns/uts --private-users=no --profile=none" \
  'readlink /proc/self/ns/uts'
kill $holder
wait $holder
report
