#!/bin/sh
# calls.sh ROOT - every public call of libcoop stands in its manual page, and no other
cd "$1" || exit 1
TAB=$(mktemp -d) || exit 1
trap 'rm -rf "$TAB"' EXIT

# Without comments; a name that is followed by a bracket is a call (coop_handler is a type).
cat lib/include/coop/*.h |
    sed 's,//.*,,' | tr '\n' ' ' | sed 's,/\*,\n&,g; s,\*/,&\n,g' | grep -v '^/\*' |
    grep -oE '\bcoop_[a-z0-9_]+\(' | tr -d '(' | grep -v -e '^coop__' -e '^coop_handler$' |
    sort -u >"$TAB/headers"
grep -oE '^\.Fn coop_[a-z0-9_]+' lib/libcoop.7 | cut -d' ' -f2 | sort -u >"$TAB/page"
[ -s "$TAB/headers" ] || { echo "no calls found in lib/include/coop" && exit 1; }
diff "$TAB/headers" "$TAB/page" >"$TAB/diff" && exit 0
sed -n 's,^< \(.*\),lib/libcoop.7 does not name \1(),p; s,^> \(.*\),lib/libcoop.7 names \1(): no header has it,p' "$TAB/diff"
exit 1
