# coverage.awk - is tests/coverage.tsv whole, and does every test it names exist?
#   awk -F '\t' -f coverage.awk NAMES coverage.tsv
# NAMES: one existing test a line.  The map: id, sentence, tests (commas between, or -), note.
BEGIN {
    expected["RT"] = 120 # points of the runtime's semantics
    expected["AT"] = 68  # attacks on a sandbox
    expected["TO"] = 62  # torture cases of a supervisor
    expected["WI"] = 30  # wishes of the users of other supervisors
}
FILENAME != map_name() { exists[$0] = 1; next }
/^#/ || /^id\t/ { next }
{
    kind = substr($1, 1, 2)
    number = substr($1, 3)
    if (NF != 4)
        complain("has " NF " columns instead of 4")
    if (!(kind in expected) || number !~ /^[1-9][0-9]*$/ || number + 0 > expected[kind])
        complain("is no case that we know")
    if ($1 in seen)
        complain("is there twice")
    seen[$1] = 1
    if (length($2) < 10)
        complain("has no sentence")
    if ($3 == "-") {
        open_cases[kind]++
        if ($4 == "")
            complain("has neither a test nor a note that says when one comes")
    } else {
        count = split($3, tests, ",")
        for (i = 1; i <= count; i++)
            if (!(tests[i] in exists))
                complain("names '" tests[i] "', which does not exist")
    }
}
function map_name() { return ARGV[ARGC - 1] }
function complain(what) {
    printf "%s:%d: %s %s\n", FILENAME, FNR, $1, what
    bad = 1
}
END {
    for (kind in expected) {
        for (number = 1; number <= expected[kind]; number++)
            if (!((kind number) in seen)) {
                printf "%s is missing\n", kind number
                bad = 1
            }
        printf "%s: %d of %d cases have a test\n", kind, expected[kind] - open_cases[kind], expected[kind]
    }
    exit bad
}
