#!/bin/sh
# public_calls.sh - the names of libcoop's public calls, one a line, from the headers below here
# Without comments; a name that is followed by a bracket is a call (coop_handler is a type).
cat lib/include/coop/*.h |
    sed 's,//.*,,' | tr '\n' ' ' | sed 's,/\*,\n&,g; s,\*/,&\n,g' | grep -v '^/\*' |
    grep -oE '\bcoop_[a-z0-9_]+\(' | tr -d '(' | grep -v -e '^coop__' -e '^coop_handler$' |
    LC_ALL=C sort -u
