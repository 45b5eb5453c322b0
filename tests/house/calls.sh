#!/bin/sh
# calls.sh ROOT - every public call of libcoop stands in its manual page and in the script in which
# everything is refused once (tests/stress/failing; the simulation's own calls are not refused), and
# the page names no other; so for libcoop-sandbox, but for the refusing
here=$(cd "$(dirname "$0")" && pwd)
cd "$1" || exit 1
TAB=$(mktemp -d) || exit 1
trap 'rm -rf "$TAB"' EXIT

sh "$here/public_calls.sh" >"$TAB/headers"
[ -s "$TAB/headers" ] || { echo "no calls found in lib/include/coop" && exit 1; }
grep -oE '^\.Fn coop_[a-z0-9_]+' lib/libcoop.7 | cut -d' ' -f2 | LC_ALL=C sort -u >"$TAB/page"
for file in tests/stress/failing/*.c; do
    awk -f "$here/code.awk" "$file"
done | grep -oE '\bcoop_[a-z0-9_]+\(' | tr -d '(' | LC_ALL=C sort -u >"$TAB/script"
{
    LC_ALL=C comm -23 "$TAB/headers" "$TAB/page" | sed 's,.*,lib/libcoop.7 does not name &(),'
    LC_ALL=C comm -13 "$TAB/headers" "$TAB/page" | sed 's,.*,lib/libcoop.7 names &(): no header has it,'
    LC_ALL=C comm -23 "$TAB/headers" "$TAB/script" | grep -v '^coop_sim_' |
        sed 's,.*,tests/stress/failing does not call &(),'
    if [ -d launcher/include/coop ]; then
        sh "$here/public_calls.sh" launcher/include/coop/*.h >"$TAB/headers"
        grep -oE '^\.Fn coop_[a-z0-9_]+' launcher/libcoop-sandbox.7 | cut -d' ' -f2 | LC_ALL=C sort -u >"$TAB/page"
        LC_ALL=C comm -3 "$TAB/headers" "$TAB/page" | tr -d '\t' |
            sed 's,.*,&(): in launcher/libcoop-sandbox.7 or in its header only,'
    fi
} >"$TAB/said"
cat "$TAB/said"
[ ! -s "$TAB/said" ]
