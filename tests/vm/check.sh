# check.sh - what the scripts in the guest have in common (busybox sh)
failures=0 passed=0

check() { # SENTENCE COMMAND...
  sentence=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok: $sentence"
  else
    failures=$((failures + 1))
    echo "FAILED: $sentence"
  fi
}

# Tries until it holds, at most 30 s: the guest has no way to be told.
wait_for() { # SENTENCE COMMAND...
  sentence=$1
  shift
  tries=0
  until "$@" >/tmp/wait_for 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
      cat /tmp/wait_for
      check "$sentence" false
      return
    fi
    usleep 100000
  done
  check "$sentence" true
}

report() {
  echo "$passed passed, $failures failed"
  [ $failures -eq 0 ]
  exit $?
}
