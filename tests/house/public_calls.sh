#!/bin/sh
# public_calls.sh [HEADER...] - the names of libcoop's public calls, one a line, from the headers below here
# Without comments; a name that is followed by a bracket is a call (coop_handler and ..._fn are types).
[ $# -gt 0 ] || set -- lib/include/coop/*.h
cat "$@" |
    sed 's,//.*,,' | tr '\n' ' ' | sed 's,/\*,\n&,g; s,\*/,&\n,g' | grep -v '^/\*' |
    grep -oE '\bcoop_[a-z0-9_]+\(' | tr -d '(' | grep -v -e '^coop__' -e '^coop_handler$' -e '_fn$' |
    LC_ALL=C sort -u
