#!/bin/sh
# prepare.sh SITE - the oneshot: writes the page, ends, and so lets nginx start.
set -eu
cat >"$1/index.html" <<EOF
<!doctype html>
<title>coop demo</title>
<h1>This page comes out of a sandbox</h1>
<p>Written $(date -u +%FT%TZ) by the oneshot 'prepare' (its own PID was $$),
served by nginx, both kept by coopd.</p>
EOF
echo "page written"
