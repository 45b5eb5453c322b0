/* clang-format off */
static const char *const rows[] = {
    "a row of a table that is drawn by hand", "may be as wide as it must be", "because a wrapped row is none",
};
/* clang-format on */
