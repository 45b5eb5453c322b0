# headings.awk - has every public header's page all headings, each with something to say?
#   awk -f headings.awk HEADER...
# The page is the first comment that names its file ("name.h - what it is").  Order is free.
BEGIN { wanted = split("Time Errors Threads Memory Misuse Limits Source", heading, " ") }
FNR == 1 { finish(); file = FILENAME; page = 0; split("", seen); name = file; sub(/.*\//, "", name) }
!page && index($0, " * " name " - ") == 1 { page = 1 }
page == 1 && /\*\// { page = 2 }
page == 1 && match($0, /^ \* [A-Z][a-z]+ +[^ ]/) { seen[$2] = 1 }
END { finish(); exit bad }

function finish(    i) {
    if (!file)
        return
    if (!page) {
        printf "%s: has no page (\"%s - what it is\")\n", file, name
        bad = 1
    }
    for (i = 1; page && i <= wanted; i++)
        if (!(heading[i] in seen)) {
            printf "%s: its page does not say: %s\n", file, heading[i]
            bad = 1
        }
}
