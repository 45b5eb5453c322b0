/* A sentence that goes on and on, further to the right than anybody who reads two files side by side can see. */
/* clang-format off */
static const char *const rows[] = {
    "a row of a table that is drawn by hand", "may be as wide as it must be", "because a wrapped row is none",
};
/* clang-format on */
static const char *const text = "but not the line of code after it, however much it has to say to the reader";
