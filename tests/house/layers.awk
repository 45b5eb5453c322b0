# layers.awk - do the #include lines follow tests/house/layers.txt?
#   awk -f layers.awk layers.txt FILE...
FNR == NR {
    sub(/#.*/, "")
    if (NF > 1) {
        name = $1
        $1 = ""
        allowed[name] = $0
    }
    next
}
FNR == 1 {
    rule = ""
    for (name in allowed)
        if (index(FILENAME, name) == 1 && length(name) > length(rule))
            rule = name
}
rule != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, parts, "\"")
    if (!may(parts[2], allowed[rule])) {
        printf "%s:%d: %s may not include \"%s\"\n", FILENAME, FNR, rule, parts[2]
        bad = 1
    }
}
function may(file, list,    words, count, i, yes) {
    count = split(list, words, " ")
    for (i = 1; i <= count; i++) {
        if (substr(words[i], 1, 1) == "!") {
            if (index(file, substr(words[i], 2)) == 1)
                yes = 0
        } else if (index(file, words[i]) == 1)
            yes = 1
    }
    return yes
}
END { exit bad }
