# ctest_names.awk - the names of tests that CMakeLists.txt files give, also those of a foreach
#   awk -f ctest_names.awk CMakeLists.txt...      add_test(NAME x) and coop_plain_test(x), coop_run(x)
{ sub(/#.*/, "") }
# A list that a foreach may run over by its name; on one line.
match($0, /^ *set\([a-z_]+ [a-z0-9_ ]+\)/) {
    list = $0
    sub(/^ *set\(/, "", list)
    sub(/\).*/, "", list)
    at = index(list, " ")
    lists["${" substr(list, 1, at - 1) "}"] = substr(list, at + 1)
}
/foreach\(/ {
    collecting = 1
    words = ""
    sub(/.*foreach\(/, "")
}
collecting {
    words = words " " $0
    if (words !~ /\)/)
        next
    collecting = 0
    sub(/\).*/, "", words)
    for (called in lists)
        if ((at = index(words, called)) > 0)
            words = substr(words, 1, at - 1) lists[called] substr(words, at + length(called))
    count = split(words, item, " ") # the first is the variable
    next
}
/endforeach/ { count = 0 }
match($0, /(add_test\(NAME|coop_plain_test\(|coop_run\() *[a-z0-9_.${}]+/) {
    name = substr($0, RSTART, RLENGTH)
    sub(/.*(NAME|\() */, "", name)
    if (name !~ /[$]/)
        print name
    else if (count)
        for (i = 2; i <= count; i++) {
            one = name
            at = index(one, "${" item[1] "}")
            if (at)
                print substr(one, 1, at - 1) item[i] substr(one, at + length(item[1]) + 3)
        }
}
