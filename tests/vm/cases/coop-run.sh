# coop-run's default box holds on this kernel, for root and for an ordinary user.
. /payload/check.sh
mkdir -p /srv/work
chmod 755 /payload
chmod 777 /srv/work
cd /srv/work

for caller in root user; do
  inside() { # COMMAND: in the default box, as the caller
    if [ $caller = root ]; then
      coop-run -- /bin/sh -c "$1" 2>/tmp/err
    else
      su user -s /bin/sh -c "cd /srv/work; exec /payload/coop-run -- /bin/sh -c '$1'" 2>/tmp/err.user
    fi
  }
  refused() { # SENTENCE COMMAND
    inside "$2"
    check "$caller: $1" test $? -ne 0
  }
  allowed() { # SENTENCE COMMAND
    inside "$2"
    check "$caller: $1" test $? -eq 0
  }
  inside 'exit 7'
  check "$caller: the exit code of the command" test $? -eq 7
  inside 'kill -TERM $$'
  check "$caller: 128 + 15 for a command that SIGTERM ended" test $? -eq 143
  allowed 'what should work does' 'echo x >/tmp/x && cat /tmp/x /etc/passwd && ls /usr'
  refused '/etc/shadow is not there' 'cat /etc/shadow'
  refused 'no home is there' 'ls /home/user || ls /root'
  refused '/usr is read-only' 'touch /usr/mine'
  refused 'mount' 'mount -t tmpfs x /tmp'
  refused 'a user namespace inside' 'unshare -U true'
  refused 'sysctls are read-only' 'echo x >/proc/sys/kernel/hostname'
  allowed 'only the processes of the sandbox are there' \
    '[ $$ = 2 ] && [ $(ls /proc | grep -c "^[0-9]") -le 5 ]'
  allowed 'a network of its own, with loopback up' \
    'ip link show lo | grep -q UP && [ $(ip link | grep -c "^[0-9]") = 1 ]'
done
coop-run -- /bin/no-such-command 2>/tmp/err
check '127 for a command that is not there' test $? -eq 127
report
