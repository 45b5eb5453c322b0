# The unit tests that talk to the kernel, on this kernel.
. /payload/check.sh
ulimit -n 20000
for test in /payload/test_*; do
  "$test" >/tmp/out 2>&1
  code=$?
  check "$(basename "$test")" test $code -eq 0
  [ $code -eq 0 ] || cat /tmp/out
done
report
