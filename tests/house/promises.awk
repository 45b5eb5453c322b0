# promises.awk - has every promise of a profile a test that exists?
#   awk -f promises.awk NAMES launcher/README.md
# NAMES: one existing test a line.  The tables stand below "### The profile ..."; tests are in backticks.
NR == FNR { exists[$0] = 1; next }
/^#/ { inside = /^### The profile / }
!inside || !/^\|/ || /^\| promise / || /^\|---/ { next }
{
    promises++
    count = split($0, cell, "|")
    tests = 0
    for (rest = cell[count - 1]; match(rest, /`[^`]+`/); rest = substr(rest, RSTART + RLENGTH)) {
        name = substr(rest, RSTART + 1, RLENGTH - 2)
        tests++
        if (!(name in exists)) {
            printf "%s:%d: names the test %s, which does not exist\n", FILENAME, FNR, name
            bad = 1
        }
    }
    if (!tests) {
        printf "%s:%d: a promise without a test\n", FILENAME, FNR
        bad = 1
    }
}
END {
    printf "promises: %d, each with a test\n", promises
    exit bad || !promises
}
