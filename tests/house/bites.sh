#!/bin/sh
# bites.sh - does each house check find what it is there for?
# Every folder of bad/ is a small tree with one kind of violation; its file 'says' holds what the
# check must print, one regular expression a line.  A tree without violations must pass.
set -u
here=$(cd "$(dirname "$0")" && pwd)
failed=0
for tree in "$here"/bad/*/; do
    name=$(basename "$tree")
    said=$(sh "$here/check.sh" "${name%%-*}" "$tree" 2>&1)
    status=$?
    if [ ! -s "$tree/says" ]; then
        [ "$status" -eq 0 ] || { echo "$name: must pass, but: $said"; failed=1; }
        continue
    fi
    [ "$status" -ne 0 ] || { echo "$name: nothing found"; failed=1; }
    while read -r pattern; do
        echo "$said" | grep -qE "$pattern" || { echo "$name: does not say '$pattern' but: $said"; failed=1; }
    done <"$tree/says"
done
exit $failed
