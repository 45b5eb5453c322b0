#!/bin/sh
# check.sh CHECK ROOT [CC [CXX]] - does the tree keep the house rules?
#   layers    #include lines follow layers.txt
#   banned    calls of banned.txt, and errno where no API reports through it
#             (lib/rt/{hog,signal,dump}.c: a handler keeps the errno of whom it interrupts;
#             dump_text.c: what the kernel says about memory, below the seam)
#   words     notes to oneself, paths of somebody's machine
#   sizes     functions over 80 lines, files over 800 (over 450: a warning)
#   width     lines of code and comment over 100 columns; rows of hand-drawn tables are free
#   coverage  tests/coverage.tsv is whole, and every test it names exists
#   calls     every public call of libcoop stands in its manual page, and no other; and in the
#             script in which everything is refused once
#   headers   each header compiles alone, and twice
#   headings  each public header's page has Time, Errors, Threads, Memory, Misuse, Limits, Source
#   public    each public header alone is C17 without extensions, and C++ with C's names
# Needs sh and awk only.  The rules apply to what lies below ROOT; tests/house/bad is full of
# violations on purpose, tests/house/bites.sh proves with it that each check bites.
set -eu
check=$1
root=$2
cc=${3:-cc}
cxx=${4:-c++}
here=$(cd "$(dirname "$0")" && pwd)
cd "$root"

# Sources, without what the build makes.
sources() {
    find lib launcher supervisor "$@" -name '*.[ch]' ! -path '*/house/bad/*' 2>/dev/null | LC_ALL=C sort
}

layers() {
    awk -f "$here/layers.awk" "$here/layers.txt" $(sources)
}

banned() {
    bad=0
    code=$(mktemp)
    for file in $(sources tests); do
        awk -f "$here/code.awk" "$file" >"$code"
        awk -F '\t' -v file="$file" '
            FNR == NR {
                if ($0 !~ /^#/ && NF == 4 && file ~ $2 && ($3 == "-" || file !~ $3)) {
                    count = split($1, names, "|")
                    for (i = 1; i <= count; i++)
                        why[names[i]] = $4
                }
                next
            }
            {
                # Each word with a bracket behind it; x.read and x->read are other words.
                rest = declared($2) ? "" : $2
                while (match(rest, /[A-Za-z0-9_.>]+[ \t]*\(/)) {
                    what = substr(rest, RSTART, RLENGTH - 1)
                    rest = substr(rest, RSTART + RLENGTH)
                    sub(/[ \t]+$/, "", what)
                    if (what in why) {
                        printf "%s:%d: %s: %s\n", file, $1, what, why[what]
                        bad = 1
                    }
                }
                if (file ~ /^(lib\/rt|supervisor)\// && file !~ /^(supervisor\/(config\/|ctl\/|coopctl\.c|control\/client\.c)|lib\/rt\/(hog|signal|dump|dump_text)\.c)/ && $2 ~ /(^|[^A-Za-z0-9_.>])errno([^A-Za-z0-9_.]|$)/) {
                    printf "%s:%d: errno: after a switch it is another thread'"'"'s; sys_*() return -errno\n", file, $1
                    bad = 1
                }
            }
            # A table of calls (X rows) or a struct member of that name calls nothing.
            function declared(line) { return line ~ /^[ \t]*(X|Y)\(/ }
            END { exit bad }' "$here/banned.txt" "$code" || bad=1
    done
    rm -f "$code"
    return $bad
}

words() {
    # Spelled with brackets, so that this file does not find itself.
    notes='(^|[^A-Za-z])(T[O]DO|F[I]XME|X[X]X|H[A]CK)([^A-Za-z]|$)|[Nn]ot (yet )?i[m]plemented'
    paths='(^|[^A-Za-z0-9_.-])/w[o]rk/[a-z]+/|\.\./sh[a]red'
    ! find . \( -name .git -o -name build -o -path ./tests/house/bad \) -prune -o -type f -print |
        LC_ALL=C sort | xargs -d '\n' grep -InE "$notes|$paths" --
}

sizes() {
    awk -v function_max=80 -v file_warn=450 -v file_max=800 -f "$here/sizes.awk" $(sources tests)
}

width() {
    awk -v columns=100 -f "$here/width.awk" $(sources tests) $(find lib -name '*.S')
}

headers() {
    bad=0
    dir=$(mktemp -d)
    flags="-std=c17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wmissing-prototypes -Werror -fsyntax-only"
    for header in $(sources tests | grep '\.h$'); do
        printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$dir/alone.c"
        "$cc" $flags -I. -Ilib -Ilib/include -Ilauncher/include -Isupervisor -Itests "$dir/alone.c" || bad=1
    done
    rm -r "$dir"
    return $bad
}

public() {
    bad=0
    dir=$(mktemp -d)
    flags="-Wall -Wextra -Wpedantic -Werror -Ilib/include -Ilauncher/include"
    for header in lib/include/coop/*.h launcher/include/coop/*.h; do
        [ -f "$header" ] || continue # the bad tree has no libcoop-sandbox
        printf '#include "coop/%s"\n' "${header##*/}" | tee "$dir/alone.c" >"$dir/alone.cc"
        "$cc" -std=c17 -fsyntax-only $flags "$dir/alone.c" || bad=1
        # With the address of each call: what name does C++ ask the linker for?
        {
            echo 'void (*addresses[])() = {nullptr,'
            sh "$here/public_calls.sh" "$header" | sed 's/.*/    (void (*)())&,/'
            echo '};'
        } >>"$dir/alone.cc"
        if "$cxx" -std=c++17 -c $flags -Wno-cast-function-type -o "$dir/alone.o" "$dir/alone.cc"; then
            ! nm -u "$dir/alone.o" | grep ' _Z' | sed "s,^,$header: not extern \"C\":," | grep . || bad=1
        else
            bad=1
        fi
    done
    rm -r "$dir"
    return $bad
}

headings() {
    awk -f "$here/headings.awk" $(ls lib/include/coop/*.h launcher/include/coop/*.h 2>/dev/null)
}

calls() {
    sh "$here/calls.sh" .
}

coverage() {
    sh "$here/coverage.sh" . "$PWD/tests/coverage.tsv"
}

"$check"
