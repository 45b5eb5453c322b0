# width.awk - lines of more than 'columns' characters
#   awk -v columns=100 -f width.awk FILE...
# A row of a table that is drawn by hand (between "clang-format off" and "on") is one line however
# wide it is: wrapped rows are no table.
FNR == 1 { drawn = 0 }
/clang-format off/ { drawn = 1 }
/clang-format on/ { drawn = 0 }
length($0) > columns && !drawn {
    printf "%s:%d: %d columns; at most %d\n", FILENAME, FNR, length($0), columns
    bad = 1
}
END { exit bad }
