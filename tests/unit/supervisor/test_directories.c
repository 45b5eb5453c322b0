/*
 * A service's directories: made with owner and mode, told, removed; and what is planted in the way.
 */
#include "config/directories.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strlist.h"

static struct directory_bases bases;
static struct directories all;
static char top[] = "/tmp/coop-directories-XXXXXX";

static const char *at(const char *below)
{
    static char path[4][700];
    static unsigned next;
    char *one = path[next++ % 4];

    snprintf(one, sizeof path[0], "%s/%s", top, below);
    return one;
}

static void begin(void)
{
    cr_assert(mkdtemp(top));
    for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
        snprintf(bases.of[kind], sizeof bases.of[kind], "%s/%d", top, kind);
        cr_assert_eq(mkdir(bases.of[kind], 0755), 0);
        all.modes[kind] = 0755;
    }
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status, (void)flag, (void)walk;
    return remove(path);
}

static void end(void)
{
    for (int kind = 0; kind < DIRECTORY_KINDS; kind++)
        strlist_done(&all.of[kind]);
    cr_assert_eq(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0, "%s", strerror(errno));
}

static void name(enum directory_kind kind, const char *text)
{
    cr_assert_eq(strlist_add(&all.of[kind], text), 0);
}

static int make(struct coop_err *err)
{
    return directories_make(&all, &bases, geteuid(), getegid(), err);
}

static mode_t mode_of(const char *path)
{
    struct stat there;

    cr_assert_eq(lstat(path, &there), 0, "%s: %s", path, strerror(errno));
    return there.st_mode;
}

static void put_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
    close(fd);
}

TestSuite(directories, .init = begin, .fini = end);

Test(directories, names_stay_below_their_base)
{
    static const struct {
        const char *name;
        bool good;
    } names[] = {
        {"web", true},       {"web/cache", true}, {"a.b", true},    {"...", true},
        {"/web", false},     {"..", false},       {".", false},     {"web/..", false},
        {"web/../x", false}, {"./web", false},    {"web:x", false}, {"web//cache", true},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct directories one = {0};
        struct coop_err err = {0};
        char key[40] = "";

        cr_assert_eq(strlist_add(&one.of[DIRECTORY_CACHE], names[i].name), 0);
        cr_expect_eq(directories_check(&one, key, sizeof key, &err) == 0, names[i].good, "%s",
                     names[i].name);
        if (!names[i].good) {
            cr_expect_str_eq(key, "CacheDirectory");
            cr_expect(strstr(err.text, names[i].name), "%s", err.text);
        }
        strlist_done(&one.of[DIRECTORY_CACHE]);
    }
}

Test(directories, are_made_with_their_mode_and_told)
{
    struct strlist env = {0}, bind = {0};
    struct coop_err err = {0};
    char expected[1500];

    all.modes[DIRECTORY_RUNTIME] = 02750;
    name(DIRECTORY_RUNTIME, "web");
    name(DIRECTORY_RUNTIME, "more/web");
    name(DIRECTORY_LOGS, "web");
    cr_assert_eq(make(&err), 0, "%s", err.text);
    cr_expect_eq(mode_of(at("0/web")), S_IFDIR | 02750);
    cr_expect_eq(mode_of(at("0/more")), S_IFDIR | 0755);
    cr_expect_eq(mode_of(at("0/more/web")), S_IFDIR | 02750);
    cr_expect_eq(mode_of(at("3/web")), S_IFDIR | 0755);

    cr_assert_eq(directories_env(&all, &bases, &env), 0);
    snprintf(expected, sizeof expected, "%s/0/web:%s/0/more/web", top, top);
    cr_expect_str_eq(strlist_env_get(&env, "RUNTIME_DIRECTORY"), expected);
    cr_expect(strlist_env_get(&env, "STATE_DIRECTORY") == NULL);
    cr_assert_eq(directories_bind(&all, &bases, &bind), 0);
    cr_expect_eq(bind.count, 3);
    snprintf(expected, sizeof expected, "%s/3/web:%s/3/web", top, top);
    cr_expect_str_eq(bind.items[2], expected);
    strlist_done(&env);
    strlist_done(&bind);

    /* Once more: what is there is taken, and gets the mode. */
    all.modes[DIRECTORY_RUNTIME] = 0700;
    cr_assert_eq(make(&err), 0, "%s", err.text);
    cr_expect_eq(mode_of(at("0/web")), S_IFDIR | 0700);
}

Test(directories, links_and_files_in_the_way_are_refused)
{
    static const char *const ways[] = {"link", "link/web", "file", "file/web"};

    cr_assert_eq(mkdir(at("elsewhere"), 0711), 0);
    cr_assert_eq(symlink(at("elsewhere"), at("1/link")), 0);
    put_file(at("1/file"));
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct coop_err err = {0};

        strlist_done(&all.of[DIRECTORY_STATE]);
        name(DIRECTORY_STATE, ways[i]);
        cr_expect_eq(make(&err), -1, "%s", ways[i]);
        cr_expect(strstr(err.text, "StateDirectory="), "%s", err.text);
        cr_expect(strstr(err.text, ways[i]), "%s", err.text);
    }
    cr_expect_eq(mode_of(at("elsewhere")), S_IFDIR | 0711);
    cr_expect_neq(access(at("elsewhere/web"), F_OK), 0);
}

Test(directories, only_runtime_ones_are_removed_and_links_are_not_followed)
{
    struct coop_err err = {0};

    name(DIRECTORY_RUNTIME, "web");
    name(DIRECTORY_RUNTIME, "more/web");
    name(DIRECTORY_STATE, "web");
    cr_assert_eq(make(&err), 0, "%s", err.text);
    cr_assert_eq(mkdir(at("elsewhere"), 0755), 0);
    put_file(at("elsewhere/kept"));
    put_file(at("1/web/kept"));
    put_file(at("0/web/gone"));
    cr_assert_eq(mkdir(at("0/web/deep"), 0755), 0);
    cr_assert_eq(mkdir(at("0/web/deep/er"), 0), 0);
    cr_assert_eq(mkfifo(at("0/web/deep/fifo"), 0600), 0);
    cr_assert_eq(symlink(at("elsewhere"), at("0/web/deep/link")), 0);

    cr_assert_eq(directories_remove(&all, &bases, &err), 0, "%s", err.text);
    cr_expect_neq(access(at("0/web"), F_OK), 0);
    cr_expect_neq(access(at("0/more/web"), F_OK), 0);
    cr_expect_eq(access(at("0/more"), F_OK), 0);
    cr_expect_eq(access(at("1/web/kept"), F_OK), 0);
    cr_expect_eq(access(at("elsewhere/kept"), F_OK), 0);

    /* Nothing there any more, and that is no failure. */
    cr_expect_eq(directories_remove(&all, &bases, &err), 0, "%s", err.text);
    /* A link in the place of one was not made by us: it stays. */
    cr_assert_eq(symlink(at("elsewhere"), at("0/web")), 0);
    cr_expect_eq(directories_remove(&all, &bases, &err), 0, "%s", err.text);
    cr_expect(S_ISLNK(mode_of(at("0/web"))));
    cr_expect_eq(access(at("elsewhere/kept"), F_OK), 0);
}

/* 63 below the one that is named: what is deeper stays, and that is told. */
Test(directories, trees_have_a_depth)
{
    struct coop_err err = {0};
    int dir;

    name(DIRECTORY_RUNTIME, "web");
    for (int levels = 62; levels <= 66; levels += 4) {
        cr_assert_eq(make(&err), 0, "%s", err.text);
        dir = open(at("0/web"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int i = 0; i < levels; i++) {
            int below;

            cr_assert_eq(mkdirat(dir, "d", 0755), 0);
            below = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            close(dir);
            dir = below;
        }
        close(dir);
        cr_expect_eq(directories_remove(&all, &bases, &err) == 0, levels == 62, "%s", err.text);
        cr_expect_eq(access(at("0/web"), F_OK) != 0, levels == 62);
    }
    cr_expect(strstr(err.text, "RuntimeDirectory=web"), "%s", err.text);
}

Test(directories, a_user_without_a_place_is_told)
{
    struct coop_err err = {0};

    bases.of[DIRECTORY_RUNTIME][0] = '\0';
    name(DIRECTORY_RUNTIME, "web");
    cr_expect_eq(make(&err), -1);
    cr_expect(strstr(err.text, "RuntimeDirectory=web"), "%s", err.text);
    cr_expect(strstr(err.hint, "XDG_RUNTIME_DIR"), "%s", err.hint);
}
