/* coop-run's command line: bubblewrap's words, one flag per key, our own. */
#include "launcher/run_options.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/run_cwd.h"

static struct run_options options;
static struct coop_err err;

static void done(void)
{
    run_options_done(&options);
}

TestSuite(options, .fini = done);

static int parse(const char *const *words)
{
    char *argv[64], *environment[] = {(char[]){"PATH=/bin"}, (char[]){"MY_TOKEN=x"},
                                      (char[]){"PWD=/there"}, (char[]){"OLDPWD=/else"}, NULL};
    int argc = 0, r;

    argv[argc++] = strdup("coop-run");
    for (; *words; words++)
        argv[argc++] = strdup(*words);
    argv[argc] = NULL;
    r = run_options_parse(&options, argc, argv, environment, &err);
    while (argc > 0)
        free(argv[--argc]); /* what the options keep, they have copied */
    return r;
}

#define PARSE(...)                                                                             \
    cr_assert_eq(parse((const char *const[]){__VA_ARGS__, NULL}), 0, "%s", err.text)
#define REFUSE(...) cr_assert_eq(parse((const char *const[]){__VA_ARGS__, NULL}), -1)

Test(options, command_alone_gets_the_default_profile)
{
    PARSE("ls", "-l");
    cr_assert_eq(options.spec.argv.count, 2u);
    cr_assert_str_eq(options.spec.argv.items[1], "-l");
    cr_assert(options.spec.private_network && options.spec.root_read_only);
    cr_assert_null(strlist_env_get(&options.spec.env, "MY_TOKEN"));
    cr_assert_str_eq(strlist_env_get(&options.spec.env, "PATH"), "/bin");
}

Test(options, dashes_end_the_options)
{
    PARSE("--", "--bind", "x");
    cr_assert_str_eq(options.spec.argv.items[0], "--bind");
    cr_assert(!options.own_files);
}

Test(options, first_file_system_flag_starts_from_an_empty_root)
{
    PARSE("--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp", "--symlink", "usr/bin", "/bin",
          "true");
    cr_assert(options.own_files);
    cr_assert_eq(options.spec.mounts.count, 3u);
    cr_assert_eq(options.spec.root, LAUNCH_ROOT_EMPTY);
    cr_assert(!options.spec.root_read_only);
    cr_assert(options.spec.private_network && options.spec.no_new_privs,
              "the rest of default stays");
    cr_assert_eq(options.spec.mounts.items[0].flags, LAUNCH_MOUNT_RO);
    cr_assert_eq(options.spec.mounts.items[2].kind, LAUNCH_MOUNT_SYMLINK);
    cr_assert_str_eq(options.spec.mounts.items[2].src, "usr/bin");
}

Test(options, perms_and_size_go_to_the_next_flag_only)
{
    PARSE("--perms", "0700", "--size", "4096", "--tmpfs", "/a", "--tmpfs", "/b", "true");
    cr_assert(options.spec.mounts.items[0].flags & LAUNCH_MOUNT_PERMS);
    cr_assert_eq(options.spec.mounts.items[0].perms, 0700u);
    cr_assert_eq(options.spec.mounts.items[0].size, 4096u);
    cr_assert(!(options.spec.mounts.items[1].flags & LAUNCH_MOUNT_PERMS));
    cr_assert_eq(options.spec.mounts.items[1].size, 0u);
}

Test(options, perms_without_a_flag_is_an_error)
{
    REFUSE("--perms", "0700", "true");
    cr_assert(strstr(err.text, "--perms"));
}

Test(options, a_profile_file_without_a_base_is_noted)
{
    static const char *const texts[] = {"[Sandbox]\nUMask=0077\n",
                                        "[Sandbox]\nExtends=default\n"};

    for (size_t i = 0; i < 2; i++) {
        char path[] = "/tmp/coop-options-XXXXXX.ini";
        int fd = mkstemps(path, 4);

        cr_assert_eq(write(fd, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
        close(fd);
        PARSE("--profile", path, "--chdir=/", "true");
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(options.notes.count, 1 - i, "%s", texts[i]);
        if (i == 0)
            cr_assert(strstr(options.notes.items[0], "has no Extends="));
        if (i == 0)
            done();
    }
}

Test(options, profile_is_the_ground_wherever_it_stands)
{
    PARSE("--private-network=no", "--profile", "service", "--private-tmp=no", "true");
    cr_assert_str_eq(options.profile, "service");
    cr_assert(!options.spec.private_tmp && options.spec.private_pids);
}

static const char *pwd(void)
{
    return strlist_env_get(&options.spec.env, "PWD");
}

Test(options, pwd_is_where_the_program_starts)
{
    cr_assert_eq(chdir("/"), 0);
    PARSE("--chdir=/usr", "true");
    cr_assert_str_eq(pwd(), "/usr");
    cr_assert_null(strlist_env_get(&options.spec.env, "OLDPWD"));
    done();
    PARSE("true");
    cr_assert_str_eq(pwd(), "/");
    done();
    PARSE("--clearenv", "true");
    cr_assert_null(pwd());
    done();
    cr_assert_eq(chdir("/usr"), 0);
    PARSE("--profile=none", "true");
    cr_assert_str_eq(pwd(), "/usr");
    done();
    PARSE("--bind", "/etc", "/etc", "true"); /* "/usr" is not there inside */
    cr_assert_null(pwd());
    done();
    PARSE("--compat=bwrap", "--ro-bind", "/", "/", "--clearenv", "true");
    cr_assert_str_eq(pwd(), "/usr");
}

Test(options, every_key_is_a_flag)
{
    PARSE("--limit-nofile", "100", "--umask=0077", "--protect-home", "true", "true");
    cr_assert(options.spec.limits[7].set);
    cr_assert_eq(options.spec.umask.value, 077);
}

Test(options, bool_flag_does_not_swallow_the_command)
{
    PARSE("--private-tmp", "yes");
    cr_assert_str_eq(options.spec.argv.items[0], "yes");
}

Test(options, environment_flags_keep_their_order)
{
    PARSE("--setenv", "A", "1", "--clearenv", "--setenv", "B", "2", "--setenv", "C", "3",
          "--unsetenv", "B", "true");
    cr_assert_eq(options.spec.env.count, 1u);
    cr_assert_str_eq(strlist_env_get(&options.spec.env, "C"), "3");
}

Test(options, argument_that_looks_like_a_flag_is_an_argument)
{
    PARSE("--setenv", "--profile", "nosuch", "true");
    cr_assert_str_eq(strlist_env_get(&options.spec.env, "--profile"), "nosuch");
    cr_assert_str_eq(options.profile, "default");
}

Test(options, unshare_try_is_preferred)
{
    PARSE("--profile", "none", "--unshare-all", "--share-net", "true");
    cr_assert(options.spec.private_users && options.spec.private_pids &&
              options.spec.private_cgroup);
    cr_assert(!options.spec.private_network);
    cr_assert(options.spec.prefer & LAUNCH_BIT(LAUNCH_GUARD_USERS));
    cr_assert(!(options.spec.prefer & LAUNCH_BIT(LAUNCH_GUARD_PIDS)));
}

Test(options, capabilities_are_added_and_dropped)
{
    PARSE("--cap-add", "CAP_NET_RAW", "--cap-drop", "ALL", "--cap-add", "CAP_KILL", "true");
    cr_assert_eq(options.spec.cap_ambient, UINT64_C(1) << 5);
    cr_assert_eq(options.spec.cap_dropped, ~(UINT64_C(1) << 5));
}

Test(options, args_come_from_a_descriptor)
{
    static const char bytes[] = "--setenv\0A\0b c\0--hostname\0x";
    int pipe_ends[2];
    char fd[16];

    cr_assert_eq(pipe(pipe_ends), 0);
    cr_assert_eq(write(pipe_ends[1], bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(pipe_ends[1]);
    snprintf(fd, sizeof fd, "%d", pipe_ends[0]);
    PARSE("--args", fd, "true");
    cr_assert_str_eq(strlist_env_get(&options.spec.env, "A"), "b c");
    cr_assert_str_eq(options.spec.hostname, "x");
    cr_assert_str_eq(options.spec.argv.items[0], "true");
}

Test(options, single_argument_may_stand_behind_an_equals_sign)
{
    PARSE("--chdir=/a=b", "--hostname=x", "--size=4K", "--tmpfs=/t", "--limit-nofile=9",
          "true");
    cr_assert_str_eq(options.spec.cwd, "/a=b");
    cr_assert_str_eq(options.spec.hostname, "x");
    cr_assert_eq(options.spec.mounts.count, 1u);
    cr_assert_str_eq(options.spec.mounts.items[0].dst, "/t");
    cr_assert_str_eq(options.spec.argv.items[0], "true");
}

Test(options, equals_sign_is_refused_where_it_would_be_guessed_at)
{
    REFUSE("--share-net=no", "true");
    cr_assert_str_eq(err.text, "--share-net takes no argument, and none behind a '='");
    run_options_done(&options);
    REFUSE("--bind=/a", "/b", "true");
    cr_assert_str_eq(err.text, "--bind takes two arguments, and none behind a '='");
    run_options_done(&options);
    REFUSE("--args=9999", "true");
    cr_assert(strstr(err.text, "descriptor 9999"), "%s", err.text);
}

/* A shell's unset variable takes no wall down. */
Test(options, a_key_without_a_value_is_refused)
{
    static const char *const single[][2] = {
        {"--private-network=", "--private-network=: a value is missing (yes or no)"},
        {"--memory-max=", "--memory-max=: a value is missing (SIZE)"},
        {"--terminal=", "--terminal=: a value is missing"}};

    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        REFUSE(single[i][0], "true");
        cr_assert(strstr(err.text, single[i][1]), "%s", err.text);
        run_options_done(&options);
    }
    REFUSE("--wall-time", "", "true");
    cr_assert_str_eq(err.text, "--wall-time=: a value is missing (TIME)");
    run_options_done(&options);
    PARSE("--system-call-filter=", "true");
    cr_assert_eq(options.spec.filter.count, 0u, "a list can be emptied");
}

Test(options, a_wrong_value_is_told_with_its_flag)
{
    static const char *const bad[][3] = {
        {"--args", "x", "--args: 'x' is not a descriptor"},
        {"--args", "9999", "--args: reading descriptor 9999"},
        {"--groups", "1,,2", "--groups: '' is not an id"},
        {"--groups", "wheel", "--groups: 'wheel' is not an id"},
        {"--chdir", "src", "--chdir: 'src': must be absolute"},
        {"--lock-file", "x", "--lock-file: 'x': must be absolute"},
        {"--cap-add", "1e9", "--cap-add: '1e9' is no capability"},
        {"--cap-add", "0x", "--cap-add: '0x' is no capability"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        REFUSE(bad[i][0], bad[i][1], "true");
        cr_assert(strstr(err.text, bad[i][2]) == err.text, "%s", err.text);
        run_options_done(&options);
    }
    PARSE("--compat=bwrap", "--chdir", "usr", "true");
    cr_assert_str_eq(options.spec.cwd, "/usr");
}

/* What is wrong with it is told behind it, however long it is. */
Test(options, a_long_value_leaves_room_for_what_is_wrong_with_it)
{
    static const char *const flags[][2] = {
        {"--args", "is not a descriptor"},
        {"--chdir", "must be absolute"},
        {"--lock-file", "must be absolute"},
        {"--uid", "is not an id"},
        {"--groups", "is not an id"},
        {"--profile", "profile"},
        {"--compat", "is not known"},
        {"--size", "is not a size"},
        {"--perms", "is not an octal mode"},
        {"--tmpfs", "must be absolute"},
        {"--file-system", "is no file-system operation"},
        {"--system-call-filter", "a word of more than 1024 bytes"},
        {"--cap-add", "is no capability"}};
    static char value[4000], word[4100];

    memset(value, 'a', sizeof value - 1);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        REFUSE(flags[i][0], value, "true");
        cr_expect(strstr(err.text, flags[i][1]), "%s: %s", flags[i][0], err.text);
        run_options_done(&options);
        snprintf(word, sizeof word, "%s=%s", flags[i][0], value);
        REFUSE(word, "true");
        cr_expect(strstr(err.text, flags[i][1]), "%s=: %s", flags[i][0], err.text);
        run_options_done(&options);
    }
    PARSE("true");
}

Test(options, unknown_one_names_the_nearest_of_every_family)
{
    static const char *const guesses[][2] = {
        {"--chdirr=/x", "did you mean --chdir?"},
        {"--ro-bnd", "did you mean --ro-bind?"},
        {"--limit-nofiles=3", "did you mean --limit-nofile?"}};

    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        REFUSE(guesses[i][0], "true");
        cr_assert_str_eq(err.hint, guesses[i][1]);
        run_options_done(&options);
    }
}

/* Else it would swallow the "--", and what comes after would be options. */
Test(options, last_of_the_args_does_not_reach_for_the_command)
{
    static const char bytes[] = "--unsetenv\0A\0--hostname";
    int pipe_ends[2];
    char fd[16];

    cr_assert_eq(pipe(pipe_ends), 0);
    cr_assert_eq(write(pipe_ends[1], bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(pipe_ends[1]);
    snprintf(fd, sizeof fd, "%d", pipe_ends[0]);
    REFUSE("--args", fd, "--", "--share-net", "true");
    cr_assert(strstr(err.text, "--hostname needs 1 argument"), "%s", err.text);
    close(pipe_ends[0]);
}

Test(options, file_takes_its_contents_from_a_descriptor)
{
    int pipe_ends[2];
    char fd[16];

    cr_assert_eq(pipe(pipe_ends), 0);
    cr_assert_eq(write(pipe_ends[1], "hello", 5), 5);
    close(pipe_ends[1]);
    snprintf(fd, sizeof fd, "%d", pipe_ends[0]);
    PARSE("--ro-bind-data", fd, "/etc/x", "true");
    cr_assert_eq(options.spec.mounts.items[0].size, 5u);
    cr_assert_arr_eq(options.spec.mounts.items[0].data, "hello", 5);
    cr_assert_eq(options.spec.mounts.items[0].perms, 0600u);
}

Test(options, unknown_flag_names_its_neighbour)
{
    REFUSE("--private-netwrk", "true");
    cr_assert(strstr(err.hint, "private-network"), "%s", err.hint);
}

Test(options, missing_argument_is_named)
{
    REFUSE("--bind", "/a");
    cr_assert(strstr(err.text, "--bind needs 2 arguments"), "%s", err.text);
}

Test(options, no_command_is_an_error)
{
    REFUSE("--unshare-all");
    cr_assert(strstr(err.text, "no command"));
}

Test(options, help_needs_no_command)
{
    PARSE("--help");
    cr_assert(options.help);
}

Test(options, single_dash_is_explained)
{
    REFUSE("-v", "true");
    cr_assert(strstr(err.hint, "two dashes"));
}

/* ---- the working directory ---- */

static const char *why_not(const char *cwd)
{
    struct strlist homes = {0};
    const char *why;

    strlist_add(&homes, "/root");
    strlist_add(&homes, "/home/ann");
    strlist_add(&homes, "/srv/people/bob");
    why = run_cwd_refused(cwd, &homes);
    strlist_done(&homes);
    return why;
}

Test(options, working_directory_may_be_shown_when_it_is_a_project)
{
    static const char *const fine[] = {"/home/ann/project", "/home/ann/a/b", "/root/project",
                                       "/srv/www",          "/opt/x",        "/tmp/build",
                                       "/var/lib/x",        "/work/a"};

    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        cr_assert_null(why_not(fine[i]), "%s: %s", fine[i], why_not(fine[i]));
}

Test(options, working_directory_that_opens_too_much_is_not_shown)
{
    static const char *const bad[] = {"/",
                                      "/home",
                                      "/home/ann",
                                      "/home/eve",
                                      "/root",
                                      "/srv/people",
                                      "/srv",
                                      "/srv/people/bob",
                                      "/etc",
                                      "/etc/ssl",
                                      "/proc/1",
                                      "/sys",
                                      "/dev/shm",
                                      "/run/user/0",
                                      "/home/ann/.ssh",
                                      "/tmp",
                                      "/var",
                                      "/var/tmp",
                                      "/var/lib",
                                      "/var/cache",
                                      "/var/log/x",
                                      "/opt",
                                      "/media",
                                      "/var/lib/dpkg/info",
                                      "/var/spool/cron"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not_null(why_not(bad[i]), "%s", bad[i]);
}

/* ---- the manual ---- */

static bool manual_has(const char *page, const char *flag)
{
    char line[128];

    snprintf(line, sizeof line, "\n.It Fl -%s", flag);
    for (const char *at = page; (at = strstr(at, line)) != NULL; at++)
        if (strchr(" \n", at[strlen(line)]))
            return true;
    return false;
}

/* The profile that applies without options has other defaults than a key that nobody sets. */
Test(options, help_says_whose_defaults_it_prints)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert_not_null(out);
    run_options_print_help(out);
    fclose(out);
    cr_expect(strstr(text, "(defaults: those of profile none)"));
    cr_expect(strstr(text, "--uid-map=INSIDE:OUTSIDE[:COUNT]"));
    cr_expect(strstr(text, "ro-bind-same PATH"));
    free(text);
}

Test(options, manual_page_has_every_flag_with_the_tables_words)
{
    FILE *file = fopen(TEST_SOURCE "/launcher/coop-run.1", "re");
    char *page = NULL, *items = NULL, *line;
    size_t size = 0, items_size = 0;
    FILE *out = open_memstream(&items, &items_size);

    cr_assert_not_null(file);
    cr_assert(getdelim(&page, &size, '\0', file) > 0);
    fclose(file);
    run_options_print_mdoc(out);
    fclose(out);
    for (char *rest = items; (line = strsep(&rest, "\n")) != NULL;) {
        char flag[SETTING_FLAG_MAX];

        if (*line)
            cr_assert(strstr(page, line), "coop-run.1 lacks: %s", line);
        if (sscanf(line, ".It Fl -%63s", flag) == 1)
            cr_assert(manual_has(page, flag), "--%s", flag);
    }
    free(page);
    free(items);
}

Test(options, compat_starts_from_bubblewraps_defaults)
{
    PARSE("--compat=bwrap", "--ro-bind", "/usr", "/usr", "--dir", "tmp", "true");
    cr_assert(options.compat && options.own_files && options.spec.inherit_descriptors);
    cr_assert(options.spec.no_new_privs && !options.spec.scrub_environment);
    cr_assert(!options.spec.private_pids && !options.spec.restrict_namespaces);
    cr_assert_eq(options.spec.filter.count, 0u);
    cr_assert_str_eq(options.spec.mounts.items[1].dst, "/tmp");
}
