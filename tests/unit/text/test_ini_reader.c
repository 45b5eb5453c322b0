/* INI files as (file, line, section, key, value), with inih's edges hidden. */
#include "text/ini_reader.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"
#include "sim/failing.h"
#include "support/places.h"

/* What was read, as text: "line[section]key=value;" */
static int record(void *arg, const struct ini_key *at, struct coop_err *err)
{
    if (!at->key)
        return buf_addf(arg, "%d[%s];", at->line, at->section);
    if (strcmp(at->key, "Reject") == 0)
        return coop_fail(err, COOP_E_RANGE, "not wanted");
    return buf_addf(arg, "%d[%s]%s=%s;", at->line, at->section, at->key, at->value);
}

static const struct {
    const char *text, *read;
    const char *error; /* NULL: none */
} cases[] = {
    /* clang-format off */
    {"", "", NULL},
    {"\n\n# only\n ; comments\n", "", NULL},
    {"[A]\nk=v\n", "1[A];2[A]k=v;", NULL},
    {"[A]\nk=v", "1[A];2[A]k=v;", NULL},
    {"\xef\xbb\xbf[A]\nk=v\n", "1[A];2[A]k=v;", NULL},
    {"[A]\r\nk=v\r\n", "1[A];2[A]k=v;", NULL},
    {"  [ A b ]  \n  k  =  v w  \n", "1[A b];2[A b]k=v w;", NULL},
    {"[A]\nk=\n", "1[A];2[A]k=;", NULL},
    {"[A]\nk=a ; b # c\n", "1[A];2[A]k=a ; b # c;", NULL},
    {"[A]\nk=\"a ; b\" 'c'\n", "1[A];2[A]k=\"a ; b\" 'c';", NULL},
    {"[A]\nk=;\nl=#\n", "1[A];2[A]k=;;3[A]l=#;", NULL},
    {"[A]\nk=a=b:c=d\n", "1[A];2[A]k=a=b:c=d;", NULL},
    {"[A]\nk=1\nk=2\n", "1[A];2[A]k=1;3[A]k=2;", NULL},
    {"[A]\nk=1\n  l=2\n", "1[A];2[A]k=1;3[A]l=2;", NULL},
    {"[A]\nk=one \\\n   two\\\nthree\nl=x\n", "1[A];2[A]k=one     two three;5[A]l=x;", NULL},
    {"[A]\nk=one\\\n# note\n; note\ntwo\n", "1[A];2[A]k=one two;", NULL},
    {"[A]\nk=a\\\\\nl=b\n", "1[A];2[A]k=a\\ l=b;", NULL},
    {"[A]\nk=%41%zz\n", "1[A];2[A]k=%41%zz;", NULL},
    {"[A]\nk=caf\xc3\xa9\n", "1[A];2[A]k=caf\xc3\xa9;", NULL},
    {"[A]\n[B]\nk=v\n", "1[A];2[B];3[B]k=v;", NULL},
    {"[A]\nx-y_z.1=v\n", "1[A];2[A]x-y_z.1=v;", NULL},
    {"[A]\nk=+\nl=.\nm=-\n", "1[A];2[A]k=+;3[A]l=.;4[A]m=-;", NULL},
    {"k=v\n", "", "t:1: a key before the first [Section]"},
    {"[A]\nnovalue\n", "1[A];", "t:2: 'novalue' is neither"},
    {"[A]\nk: v\n", "1[A];", "t:2: 'k: v' is neither"},
    {"[A]\nk : v = w\n", "1[A];", "t:2: a key is made of"},
    {"[A]\n = v\n", "1[A];", "t:2: no key"},
    {"[A\nk=v\n", "", "t:1: a section header must end in ']'"},
    {"[A] # c\n", "", "t:1: a section header must end in ']'"},
    {"[]\n", "", "t:1: a section needs a name"},
    {"[\n", "", "t:1: a section header must end"},
    {"[A ;b]\n", "", "t:1: a section's name"},
    {"[A]\n[B]\n[A]\n", "1[A];2[B];", "t:3: section [A] is there already, in line 1"},
    {"[A]\nk=v\\\n", "1[A];", "t:2: the file ends behind a backslash"},
    {"[A]\nk=\x01\n", "1[A];", "t:2: a control character"},
    {"[A]\nk=\xff\n", "1[A];", "t:2: not UTF-8"},
    {"# \xff\n", "", "t:1: not UTF-8"},
    {"[A]\nk=1\nReject=x\nk=2\n", "1[A];2[A]k=1;", "t:3: not wanted"},
    {"[A]\nk=1\n[bad\nk=2\n", "1[A];2[A]k=1;", "t:3:"},
    {"[1234567890123456789012345678901234567890123456789]\n",
     "1[1234567890123456789012345678901234567890123456789];", NULL},
    {"[12345678901234567890123456789012345678901234567890]\n", "", "has 50 bytes; at most 49"},
    {"[A]\nk234567890123456789012345678901234567890123456789=v\n",
     "1[A];2[A]k234567890123456789012345678901234567890123456789=v;", NULL},
    {"[A]\nk2345678901234567890123456789012345678901234567890=v\n", "1[A];", "at most 49"},
    /* clang-format on */
};

Test(ini_reader, reads_what_systemd_would_read)
{
    for (size_t i = 0; i < COOP_COUNT(cases); i++) {
        struct buf read = BUF_INIT((size_t)10000);
        struct coop_err err = {0};
        int r = ini_read_text("t", cases[i].text, strlen(cases[i].text), record, &read, &err);

        cr_expect_str_eq(buf_text(&read), cases[i].read, "case %zu: %s", i, buf_text(&read));
        cr_expect_eq(r, cases[i].error ? -1 : 0, "case %zu", i);
        if (cases[i].error)
            cr_expect(strstr(err.text, cases[i].error), "case %zu: %s", i, err.text);
        buf_done(&read);
    }
}

Test(ini_reader, a_nul_byte_is_refused)
{
    struct buf read = BUF_INIT((size_t)1000);
    struct coop_err err = {0};

    cr_expect_eq(ini_read_text("t", "[A]\nk=a\0b\n", 10, record, &read, &err), -1);
    cr_expect(strstr(err.text, "t:2: a NUL byte"), "%s", err.text);
    buf_done(&read);
}

static int keep_value(void *arg, const struct ini_key *at, struct coop_err *err)
{
    (void)err;
    return at->key ? buf_add_text(arg, at->value) : 0;
}

/* Every length from nothing to far beyond inih's line, in bytes that must be shielded. */
Test(ini_reader, values_of_every_length_arrive_whole)
{
    for (size_t len = 0; len < 1200; len++) {
        struct buf text = BUF_INIT((size_t)10000), value = BUF_INIT((size_t)10000);
        struct buf want = BUF_INIT((size_t)10000);

        buf_add_text(&text, "[A]\nkey=");
        for (size_t i = 0; i < len; i++)
            buf_add_char(&want, i == 0 || i == len - 1 ? '"' : " ;#=:%+."[(i * 7 + len) % 8]);
        buf_add(&text, buf_text(&want), want.len);
        buf_add_text(&text, "\n");
        cr_assert_eq(ini_read_text("t", text.data, text.len, keep_value, &value, NULL), 0);
        cr_assert_str_eq(buf_text(&value), buf_text(&want));
        buf_done(&text);
        buf_done(&value);
        buf_done(&want);
    }
}

Test(ini_reader, a_line_may_have_64_kib_and_not_a_byte_more)
{
    static char text[INI_VALUE_MAX + 100];
    struct buf value = BUF_INIT(INI_VALUE_MAX);
    struct coop_err err;
    size_t len = 4 + INI_VALUE_MAX;

    memset(text, 'x', sizeof text);
    memcpy(text, "[A]\nk=", 6);
    cr_expect_eq(ini_read_text("t", text, len, keep_value, &value, &err), 0);
    cr_expect_eq(value.len, INI_VALUE_MAX - 2);
    cr_expect_eq(ini_read_text("t", text, len + 1, keep_value, &value, &err), -1);
    cr_expect_eq(err.code, COOP_E_LIMIT);
    cr_expect(strstr(err.text, "t:2: line longer than 64 KiB"), "%s", err.text);
    buf_done(&value);
}

Test(ini_reader, callbacks_errors_keep_their_hint_and_get_a_place)
{
    struct buf read = BUF_INIT((size_t)1000);
    struct coop_err err = {0};

    cr_expect_eq(ini_read_text("web.ini", "[A]\n\nReject=\n", 13, record, &read, &err), -1);
    cr_expect_str_eq(err.text, "web.ini:3: not wanted");
    cr_expect_eq(err.code, COOP_E_RANGE);
    buf_done(&read);
}

/* ---- files ---- */

static void in_temp_dir(char dir[32])
{
    snprintf(dir, 32, "/tmp/coop-ini-XXXXXX");
    cr_assert(mkdtemp(dir) != NULL);
    cr_assert_eq(chdir(dir), 0);
}

Test(ini_reader, files_that_are_none_are_refused_at_once)
{
    struct buf read = BUF_INIT((size_t)1000);
    struct coop_err err = {0};
    char dir[32];

    in_temp_dir(dir);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_expect_eq(ini_read_file("fifo", record, &read, &err), -1);
    cr_expect_str_eq(err.text, "fifo: not a regular file");
    cr_expect_eq(ini_read_file("/dev/zero", record, &read, &err), -1);
    cr_expect_str_eq(err.text, "/dev/zero: not a regular file");
    cr_expect_eq(ini_read_file(".", record, &read, &err), -1);
    cr_expect_eq(ini_read_file("missing.ini", record, &read, &err), -1);
    cr_expect_str_eq(err.text, "missing.ini: open: No such file or directory");
    unlink("fifo");
    rmdir(dir);
    buf_done(&read);
}

Test(ini_reader, a_100_mb_file_is_refused_without_being_read)
{
    struct buf read = BUF_INIT((size_t)1000);
    struct coop_err err = {0};
    FILE *file;
    char dir[32];

    in_temp_dir(dir);
    file = fopen("big.ini", "w");
    cr_assert(file != NULL);
    fputs("[A]\nk=v\n", file);
    fclose(file);
    cr_assert_eq(ini_read_file("big.ini", record, &read, &err), 0);
    cr_assert_eq(truncate("big.ini", 100 << 20), 0);
    buf_clear(&read);
    cr_expect_eq(ini_read_file("big.ini", record, &read, &err), -1);
    cr_expect_eq(err.code, COOP_E_LIMIT);
    cr_expect_eq(read.len, 0);
    unlink("big.ini");
    rmdir(dir);
    buf_done(&read);
}

/* Interrupted calls are made again; any other failure is told with file and step. */
Test(ini_reader, every_system_call_may_fail, .timeout = 10)
{
    char dir[TEMP_DIR_TEXT], path[TEMP_DIR_TEXT + 8];
    unsigned n = 1;

    snprintf(path, sizeof path, "%s/x.ini", temp_dir_make(dir));
    temp_file_write(path, "[A]\nk=v\n");
    for (;; n++) {
        struct buf read = BUF_INIT((size_t)1000);
        struct coop_err err = {0};
        size_t fds = fds_count();
        int r;

        failing_kernel_arm(FAIL_ANY, n, EIO);
        r = ini_read_file(path, record, &read, &err);
        if (!coop_sim_fail_end()) {
            cr_expect_eq(r, 0);
            buf_done(&read);
            break;
        }
        cr_expect_eq(r, -1, "%s failed unnoticed", coop_sim_failed());
        cr_expect(strstr(err.text, path) && err.sys == EIO, "%s", err.text);
        cr_expect_eq(fds_count(), fds);
        buf_done(&read);
    }
    cr_expect_geq(n, 5, "open, stat and two reads");
    for (n = 1; n < 4; n++) {
        struct buf read = BUF_INIT((size_t)1000);

        failing_kernel_arm(FAIL_read, n, EINTR);
        cr_expect_eq(ini_read_file(path, record, &read, NULL), 0);
        cr_expect_str_eq(buf_text(&read), "1[A];2[A]k=v;");
        coop_sim_fail_end();
        buf_done(&read);
    }
    temp_dir_remove(dir);
}
