# code.awk - a C file without its comments and with empty strings, line numbers kept
#   awk -f code.awk FILE   prints LINE<TAB>CODE
{
    line = $0
    out = ""
    while (line != "") {
        if (comment) {
            at = index(line, "*/")
            if (!at)
                break
            line = substr(line, at + 2)
            comment = 0
        } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|'([^'\\]|\\.)+'/)) {
            token = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + RLENGTH)
            if (token == "//")
                break
            if (token == "/*")
                comment = 1
            else
                out = out (substr(token, 1, 1) == "\"" ? "\"\"" : "0")
        } else {
            out = out line
            break
        }
    }
    print FNR "\t" out
}
