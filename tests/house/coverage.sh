#!/bin/sh
# coverage.sh ROOT MAP - does the map of cases hold, and the tables of promises in launcher/README.md?
# A test is named as a Criterion case (chan.close_wakes_all; CORO_TEST and its like too), as a scenario below tests/scenario
# (10-life/stop_timeout.scn), as a name of CTest's (attack.read-shadow), or as a word in a plain program below tests (stress/storm.c#lost_wakeup).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
map=$2
names=$(mktemp)
trap 'rm -f "$names"' EXIT
cd "$root/tests"
find unit attack stress fuzz -name '*.c' 2>/dev/null | xargs -r cat |
    tr '\n' ' ' | grep -oE '(Test|[A-Z]+_TEST[A-Z_]*)\([a-z0-9_]+, *[a-z0-9_]+' |
    sed 's/.*(//; s/, */./' >"$names"
find . -path ./house -prune -o -name CMakeLists.txt -print | xargs -r awk -f "$here/ctest_names.awk" >>"$names"
(cd scenario 2>/dev/null && find . -name '*.scn' | sed 's|^\./||') >>"$names" || true
# path#word: the word must stand in that file, as a name of its own.
cut -f 3 "$map" | tr ',' '\n' | grep '#' | sort -u | while IFS='#' read -r file word; do
    if grep -qE "(^|[^A-Za-z0-9_])$word([^A-Za-z0-9_]|\$)" "$file" 2>/dev/null; then
        echo "$file#$word"
    fi
done >>"$names" || true
awk -F '\t' -f "$here/coverage.awk" "$names" "$map"
# The promises of the profiles, each with its tests in the last column.
[ ! -f ../launcher/README.md ] || awk -f "$here/promises.awk" "$names" ../launcher/README.md
