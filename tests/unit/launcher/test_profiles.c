/* Profiles: files, what they extend, and the promises in launcher/README.md. */
#include "launcher/launch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct launch_spec spec;
static struct coop_err err;
static char folder[] = "/tmp/coop-profiles-XXXXXX";
static const struct launch_profile_how how = {.folder = "coop/profiles"};

static void begin(void)
{
    char path[128];

    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/coop", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/coop/profiles", folder);
    mkdir(path, 0755);
    cr_assert_eq(chdir(folder), 0);
    launch_spec_init(&spec);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void end(void)
{
    launch_spec_done(&spec);
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(profiles, .init = begin, .fini = end);

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");

    cr_assert_not_null(file, "%s", name);
    fputs(text, file);
    fclose(file);
}

static void takes(const char *name)
{
    memset(&err, 0, sizeof err);
    cr_assert_eq(launch_spec_profile_how(&spec, name, &how, &err), 0, "%s: %s", name, err.text);
}

static void refuses(const char *name, const char *sentence, const char *hint)
{
    struct launch_spec one;

    memset(&err, 0, sizeof err);
    launch_spec_init(&one);
    cr_assert_eq(launch_spec_profile_how(&one, name, &how, &err), -1, "%s", name);
    cr_assert(strstr(err.text, sentence), "wanted: %s\ntold:   %s", sentence, err.text);
    cr_assert(strstr(err.hint, hint), "wanted: %s\nhint:   %s", hint, err.hint);
    launch_spec_done(&one);
}

Test(profiles, a_file_extends_a_built_in_one_and_another_file)
{
    put("mine.ini", "# my own\n[Sandbox mine]\nDescription=Mine\nExtends=./base.ini\n"
                    "PrivateNetwork=no\n");
    put("base.ini", "[Sandbox]\nUMask=0027\nExtends=strict\nPrivateNetwork=yes\n");
    takes("./mine.ini");
    cr_assert_not(spec.private_network);
    cr_assert_eq(spec.umask.value, 027, "the base's own key comes after what it extends");
    cr_assert(spec.deny_write_execute && spec.private_pids);
}

Test(profiles, a_relative_base_is_seen_from_its_own_file)
{
    put("coop/profiles/near.ini", "[Sandbox]\nUMask=0011\n");
    put("coop/profiles/far.ini", "[Sandbox]\nExtends=./near.ini\n");
    takes("coop/profiles/far.ini");
    cr_assert_eq(spec.umask.value, 011);
}

Test(profiles, a_name_is_found_in_the_users_folder_and_shadows_no_built_in_one)
{
    put("coop/profiles/mine.ini", "[Sandbox mine]\nExtends=none\nUMask=0055\n");
    put("coop/profiles/strict.ini", "[Sandbox strict]\nUMask=0044\n");
    takes("mine");
    cr_assert_eq(spec.umask.value, 055);
    takes("strict");
    cr_assert_eq(spec.umask.value, 077);
    refuses("mne", "there is no profile 'mne'", "did you mean mine?");
}

Test(profiles, circles_and_depth_are_told_with_the_way)
{
    char name[32], text[64];

    put("a.ini", "[Sandbox]\nExtends=./b.ini\n");
    put("b.ini", "[Sandbox]\n\nExtends=./a.ini\n");
    refuses("./a.ini", "circle: ./a.ini -> ./b.ini -> ./a.ini", "");
    cr_assert(strstr(err.text, "./a.ini:2: ./b.ini:3: "), "%s", err.text);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%d.ini", i);
        snprintf(text, sizeof text, "[Sandbox]\nExtends=./%d.ini\n", i + 1);
        put(name, text);
    }
    refuses("./0.ini", "deeper than 16", "");
}

Test(profiles, mistakes_are_told_with_file_line_and_the_nearest_name)
{
    put("a.ini", "[Sandbox]\n# a comment\nUMsk=1\n");
    refuses("a.ini", "a.ini:3: UMsk: no such key", "did you mean UMask?");
    put("a.ini", "[Sandbox]\nExtends=strct\n");
    refuses("a.ini", "a.ini:2: there is no profile 'strct'", "did you mean strict?");
    put("a.ini", "[Sandbox]\nExtends=strict\nExtends=default\n");
    refuses("a.ini", "a.ini:3: Extends= twice", "");
    put("a.ini", "[Sandbox a]\nUMask=1\n[Sandbox b]\nUMask=2\n");
    refuses("a.ini", "a.ini:3: [Sandbox b]: a profile has one section", "");
    put("a.ini", "[Service a]\nExecStart=/bin/true\n");
    refuses("a.ini", "a.ini:1: [Service a] is no profile", "");
    put("a.ini", "[Sandbox]\nFileSystem=tmpf /x\n");
    refuses("a.ini", "a.ini:2: FileSystem=tmpf /x: 'tmpf'", "did you mean tmpfs?");
    put("a.ini", "[Sandbox]\nFileSystem=ro-bind /x\n");
    refuses("a.ini", "ro-bind needs 2 arguments, not 1", "");
    put("a.ini", "[Sandbox]\nFileSystem=size 1M dir /x\n");
    refuses("a.ini", "dir has no size", "");
    refuses("./nothere.ini", "profile './nothere.ini': open: No such file", "");
}

Test(profiles, a_file_without_a_section_is_no_profile)
{
    put("empty.ini", "");
    refuses("./empty.ini", "profile './empty.ini': it has no section [Sandbox]", "");
    put("a.ini", "# [Sandbox]\n\n");
    refuses("a.ini", "profile 'a.ini': it has no section [Sandbox]", "");
    put("b.ini", "[Sandbox]\nExtends=./empty.ini\n");
    refuses("./b.ini", "it has no section [Sandbox]", "");
    put("c.ini", "[Sandbox]\n"); /* one that says nothing, but says so */
    takes("c.ini");
}

static void count_alone(void *arg, const char *file)
{
    cr_assert_str_eq(file, "./base.ini");
    ++*(int *)arg;
}

Test(profiles, who_starts_from_nothing_is_told)
{
    int count = 0;
    const struct launch_profile_how listen = {.alone = count_alone, .arg = &count};

    put("base.ini", "[Sandbox]\nUMask=0027\n");
    put("mine.ini", "[Sandbox]\nExtends=./base.ini\n");
    put("good.ini", "[Sandbox]\nExtends=default\n");
    cr_assert_eq(launch_spec_profile_how(&spec, "./mine.ini", &listen, &err), 0, "%s",
                 err.text);
    cr_assert_eq(launch_spec_profile_how(&spec, "./good.ini", &listen, &err), 0, "%s",
                 err.text);
    cr_assert_eq(launch_spec_profile_how(&spec, "none", &listen, &err), 0, "%s", err.text);
    cr_assert_eq(count, 1);
}

Test(profiles, a_hostile_file_is_refused_at_once)
{
    cr_assert_eq(mkfifo("fifo.ini", 0644), 0);
    refuses("fifo.ini", "not a regular file", "");
    refuses("/dev/./zero.ini", "No such file", "");
    refuses("/dev/zero", "not a regular file", "");
    put("open.ini", "[Sandbox]\n");
    chmod("open.ini", 0646);
    refuses("open.ini", "everybody may write to it", "");
    put("group.ini", "[Sandbox]\n");
    chmod("group.ini", 0664);
    cr_assert_eq(chown("group.ini", (uid_t)-1, 61235), geteuid() == 0 ? 0 : -1);
    if (geteuid() == 0)
        refuses("group.ini", "a group may write to it (61235)", "");
    put("big.ini", "[Sandbox]\n");
    cr_assert_eq(truncate("big.ini", (off_t)1 << 30), 0);
    refuses("big.ini", "more than", "");
    if (geteuid() == 0) {
        put("other.ini", "[Sandbox]\n");
        cr_assert_eq(chown("other.ini", 61234, 61234), 0);
        refuses("other.ini", "belongs to another user (61234)", "");
    }
    put("binary.ini", "[Sandbox]\nUMask=\001\n");
    refuses("binary.ini", "binary.ini:2: ", "");
}

/* What setfacl(1) writes: "u::rw- TAG:ID:RIGHTS g::r-- m::MASK o::r--", or -1. */
static int put_list(const char *name, uint16_t tag, uint32_t id, uint16_t rights, uint16_t mask)
{
    const struct {
        uint32_t version;
        struct {
            uint16_t tag, rights;
            uint32_t id;
        } entries[5];
    } list = {2,
              {{0x01, 6, ~0u},
               {tag == 0x02 ? tag : 0x04, tag == 0x02 ? rights : 4, tag == 0x02 ? id : ~0u},
               {tag == 0x02 ? 0x04 : tag, tag == 0x02 ? 4 : rights, tag == 0x02 ? ~0u : id},
               {0x10, mask, ~0u},
               {0x20, 4, ~0u}}};

    return setxattr(name, "system.posix_acl_access", &list, sizeof list, 0);
}

Test(profiles, an_access_list_that_lets_others_write_is_refused)
{
    put("list.ini", "[Sandbox]\nUMask=0022\n");
    if (geteuid() == 0) /* a group of the owner's own number, or the group's bits are refused */
        cr_assert_eq(chown("list.ini", 0, 0), 0);
    if (put_list("list.ini", 0x02, 61234, 6, 6) < 0)
        cr_skip_test("no access lists on this file system");
    refuses("list.ini", "its access list (getfacl) lets others write to it", "");
    cr_assert_eq(put_list("list.ini", 0x08, 61234, 6, 6), 0);
    refuses("list.ini", "its access list (getfacl) lets others write to it", "");
    cr_assert_eq(put_list("list.ini", 0x02, 61234, 4, 6), 0);
    cr_assert_eq(launch_spec_profile(&spec, "./list.ini", &err), 0, "%s", err.text);
    cr_assert_eq(put_list("list.ini", 0x02, 61234, 6, 4), 0); /* masked */
    cr_assert_eq(launch_spec_profile(&spec, "./list.ini", &err), 0, "%s", err.text);
}

Test(profiles, operations_come_back_from_their_text)
{
    static const char *const lines[] = {
        "ro-bind /usr /usr",       "perms 1777 size 4096 tmpfs /tmp",
        "symlink ../tmp /var/tmp", "mirror /lib",
        "copy '/etc/a file'",      "perms 0700 dir /run/x"};
    const struct setting *row = setting_find(&launch_settings, NULL, "FileSystem");
    struct buf text = BUF_INIT((size_t)1 << 16);
    char all[512] = "";

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert_eq(launch_spec_set(&spec, "FileSystem", lines[i], &err), 0, "%s", err.text);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? "\n" : "", lines[i]);
    }
    setting_render(row, &spec, &text);
    for (char *quote = strchr(all, '\''); quote; quote = strchr(quote + 1, '\''))
        *quote = '"'; /* the other quotes do as well */
    cr_assert_str_eq(buf_text(&text), all);
    buf_done(&text);
    cr_assert_eq(launch_spec_set(&spec, "FileSystem", "", &err), 0);
    cr_assert_eq(spec.mounts.count, 0u);
}

Test(profiles, strict_goes_without_nothing)
{
    takes("strict");
    cr_assert_eq(spec.prefer, 0u);
    launch_spec_done(&spec);
    launch_spec_init(&spec);
    takes("default");
    cr_assert_neq(spec.prefer, 0u, "or this test says nothing");
}

/* ---- the tables of launcher/README.md ---- */

struct said {
    char key[64], value[256];
    bool own, promised;
};

struct all {
    const char *profile;
    struct said items[256];
    size_t count;
};

static void hear(void *arg, const char *key, const char *value, const char *file, int line)
{
    struct all *all = arg;
    char own[64];
    struct said *said = &all->items[all->count++];

    (void)line;
    cr_assert_lt(all->count, 256u);
    snprintf(own, sizeof own, "profile %s", all->profile);
    snprintf(said->key, sizeof said->key, "%s", key);
    snprintf(said->value, sizeof said->value, "%s", value);
    said->own = strcmp(file, own) == 0;
}

/* "Key=value"; without a value, every value of that key. */
static void promise(struct all *all, const char *token, const char *row)
{
    size_t length = strcspn(token, "=");
    const char *value = token + length + 1;
    bool found = false;

    for (size_t i = 0; i < all->count; i++) {
        struct said *said = &all->items[i];

        if (strlen(said->key) != length || strncmp(said->key, token, length) != 0 ||
            (value[0] && strcmp(said->value, value) != 0))
            continue;
        found = said->promised = true;
    }
    cr_assert(found, "profile %s does not set what the README says: %s\n%s", all->profile,
              token, row);
}

static void read_row(struct all *all, const char *row)
{
    const char *second = strstr(row + 1, " | "), *third;
    char cell[1024], *at;

    if (!second || strncmp(row, "| promise", 9) == 0 || strncmp(row, "|---", 4) == 0)
        return;
    third = strstr(second + 3, " | ");
    cr_assert_not_null(third, "%s", row);
    snprintf(cell, sizeof cell, "%.*s", (int)(third - second - 3), second + 3);
    at = strchr(cell, '`');
    cr_assert_not_null(at, "nothing keeps this: %s", row);
    for (char *close; at && (close = strchr(at + 1, '`')); at = strchr(close + 1, '`')) {
        *close = '\0';
        promise(all, at + 1, row);
    }
}

static void hold_to_its_table(const char *page, const char *profile)
{
    struct all all = {.profile = profile};
    const struct launch_profile_how listen = {.told = hear, .arg = &all};
    char title[128];
    const char *at, *section_end;

    snprintf(title, sizeof title, "\n### The profile `%s`\n", profile);
    at = strstr(page, title);
    cr_assert_not_null(at, "launcher/README.md has no promises of '%s'", profile);
    at += strlen(title);
    section_end = strstr(at, "\n#");
    launch_spec_done(&spec);
    launch_spec_init(&spec);
    cr_assert_eq(launch_spec_profile_how(&spec, profile, &listen, &err), 0, "%s", err.text);
    for (const char *end; at && at < section_end; at = end ? end + 1 : NULL) {
        char row[2048];

        end = strchr(at, '\n');
        snprintf(row, sizeof row, "%.*s", (int)(end - at), at);
        if (row[0] == '|')
            read_row(&all, row);
    }
    for (size_t i = 0; i < all.count; i++)
        cr_assert(!all.items[i].own || all.items[i].promised,
                  "the README does not say what '%s' promises by %s=%s", profile,
                  all.items[i].key, all.items[i].value);
}

Test(profiles, promises_are_what_the_profile_sets)
{
    FILE *file = fopen(TEST_SOURCE "/launcher/README.md", "re");
    struct strlist names = {0};
    char *page = NULL;
    size_t size = 0;

    cr_assert_not_null(file);
    cr_assert(getdelim(&page, &size, '\0', file) > 0);
    fclose(file);
    launch_profile_names(NULL, &names);
    cr_assert_geq(names.count, 6u);
    for (size_t i = 0; i < names.count; i++)
        if (access("/etc/coop/profiles", F_OK) < 0)
            hold_to_its_table(page, names.items[i]);
    strlist_done(&names);
    free(page);
}
