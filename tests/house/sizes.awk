# sizes.awk - functions of more than 'function_max' lines, files of more than 'file_max'
#   awk -v function_max=80 -v file_warn=450 -v file_max=800 -f sizes.awk FILE...
FNR == 1 { check_file() }
{
    last_file = FILENAME
    lines = FNR
}
/^\{/ { start = FNR }
/^\}/ && start {
    if (FNR - start + 1 > function_max) {
        printf "%s:%d: a function of %d lines; at most %d\n", FILENAME, start, FNR - start + 1, function_max
        bad = 1
    }
    start = 0
}
function check_file() {
    if (lines > file_max) {
        printf "%s: %d lines; at most %d\n", last_file, lines, file_max
        bad = 1
    } else if (lines > file_warn)
        printf "warning: %s: %d lines; aim at %d\n", last_file, lines, file_warn
    start = 0
}
END {
    check_file()
    exit bad
}
