/*
 * test_clerk.c - FrozenPaths= of names that are missing: refused, whatever is tried, and the rest
 * of the work goes on; as root and as an ordinary user (clerk_attacker.c does it, inside)
 */
#include "unit/launcher/run_coop.h"

#include <dirent.h>
#include <ftw.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#ifndef CLERK_ATTACKER
#define CLERK_ATTACKER "clerk_attacker" /* the build says where it is */
#endif

TestSuite(clerk, .timeout = 120);

/* ---- a directory to work in ---- */

static char place[64];
static uid_t who;

static void copy_attacker(void)
{
    char path[128];
    struct stat st;
    int from = open(CLERK_ATTACKER, O_RDONLY | O_CLOEXEC), to;

    (void)snprintf(path, sizeof path, "%s/attacker", place);
    to = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    cr_assert(from >= 0 && to >= 0 && fstat(from, &st) == 0);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);

        cr_assert_gt(n, 0);
        left -= n;
    }
    close(from);
    close(to);
}

/* One that was there before. */
static void put_dir(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    cr_assert_eq(mkdir(path, 0755), 0);
    cr_assert(geteuid() || chown(path, who, who) == 0);
}

static void open_place(uid_t uid)
{
    (void)snprintf(place, sizeof place, "/tmp/coop-clerk-XXXXXX");
    cr_assert_not_null(mkdtemp(place));
    who = uid;
    copy_attacker();
    if (uid)
        cr_assert_eq(chown(place, uid, uid), 0);
    put_dir("sub");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void close_place(void)
{
    cr_assert_eq(nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* coop-run begins in "/usr"; these are its words instead. */
static int in_place(const char *words)
{
    char command[512];
    int r;

    (void)snprintf(command, sizeof command, "cd %s && exec " COOP_RUN " --profile=agent %s",
                   place, words);
    fflush(NULL);
    r = fork();
    if (r == 0) {
        if (who && geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setresgid(who, who, who) < 0 ||
             setresuid(who, who, who) < 0))
            _exit(98);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(99);
    }
    cr_assert_gt(r, 0);
    cr_assert_eq(waitpid(r, &r, 0) > 0, true);
    return WIFEXITED(r) ? WEXITSTATUS(r) : 128 + WTERMSIG(r);
}

static bool is_there(const char *name)
{
    char path[256];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    return lstat(path, &st) == 0;
}

/* By root, and by somebody that nobody else is; by whoever runs this, if that is not root. */
static void for_all(const char *words)
{
    const uid_t uids[] = {0, SOMEBODY};

    for (int i = 0; i < (geteuid() ? 1 : 2); i++) {
        open_place(uids[i]);
        cr_expect_eq(in_place(words), 0, "as %u: %s", uids[i], words);
        cr_expect(!is_there(".envrc") && !is_there(".git/hooks") &&
                  !is_there("sub/.git/hooks") && !is_there(".git/config") && !is_there("HEAD"));
        close_place();
    }
}

/* ---- inside ---- */

Test(clerk, by_no_call_is_a_frozen_name_made)
{
    for_all("-- ./attacker doors");
}

Test(clerk, no_directory_brings_a_frozen_name_along)
{
    for_all("-- ./attacker moves");
}

Test(clerk, no_part_of_a_longer_name_is_brought_along)
{
    for_all("--frozen-paths=a/b/c -- ./attacker parts");
}

Test(clerk, a_path_that_changes_while_it_is_looked_at_wins_nothing)
{
    for_all("-- ./attacker flips");
}

Test(clerk, files_are_made_as_without_it)
{
    for_all("-- ./attacker work");
}

Test(clerk, a_new_file_is_the_programs_alone)
{
    for_all("-- ./attacker programs");
}

Test(clerk, sockets_are_called_what_they_were_called)
{
    for_all("-- ./attacker sockets");
}

Test(clerk, threads_are_all_answered)
{
    for_all("-- ./attacker threads");
}

Test(clerk, a_signal_makes_nothing_twice)
{
    for_all("-- ./attacker interrupts");
}

/* ---- what is there before ---- */

static void put_link(const char *to, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    cr_assert_eq(symlink(to, path), 0);
    cr_assert_eq(lchown(path, who, who), 0);
}

Test(clerk, what_links_lead_to_is_kept_away_too)
{
    open_place(geteuid() ? geteuid() : SOMEBODY);
    put_dir("store");
    put_dir("env");
    put_link("store", ".git");
    put_link("env/envrc", ".envrc");
    put_link("lost/bashrc", ".bashrc");
    put_link("first", ".profile");
    put_link("last", "first");
    cr_expect_eq(in_place("-- ./attacker links"), 0);
    cr_expect(!is_there("store/hooks") && !is_there("env/envrc") && !is_there("last"));
    close_place();
}

static void put_file(const char *name)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    cr_assert(fd >= 0 && fchown(fd, who, who) == 0);
    close(fd);
}

static void put_text(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    put_file(name);
    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    file = fopen(path, "we");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void put_all(const char *const *dirs)
{
    for (; *dirs; dirs++)
        put_dir(*dirs);
}

Test(clerk, repositories_that_are_there_stay_as_they_are)
{
    open_place(geteuid() ? geteuid() : SOMEBODY);
    put_all((const char *const[]){"kept", "kept/.git", "kept/.git/hooks", "tree", "linked",
                                  "store", "apart", "common", NULL});
    put_file("kept/.git/config");
    put_text("tree/.git", "gitdir: ../apart\n");
    put_file("apart/config");
    put_text("apart/commondir", "../common\n");
    put_file("common/config");
    put_file("some");
    put_link("../store", "linked/.git");
    cr_expect_eq(in_place("-- ./attacker below"), 0);
    cr_expect(!is_there("store/hooks") && !is_there("kept/.git/hooks/pre-commit"));
    close_place();
}

Test(clerk, a_repository_is_made_where_nothing_was)
{
    open_place(geteuid() ? geteuid() : SOMEBODY);
    put_all((const char *const[]){"sub/was", "empty", NULL});
    put_link("sub", "way");
    cr_expect_eq(in_place("-- ./attacker new"), 0);
    cr_expect(!is_there("sub/.git") && !is_there("empty/.git"));
    close_place();
}

/* git runs in what its index names as a part: what that says would run where a repository was. */
Test(clerk, none_becomes_a_part_of_one_that_was_there)
{
    open_place(geteuid() ? geteuid() : SOMEBODY);
    put_all((const char *const[]){"tree", "tree/.git", NULL});
    put_file("tree/.git/HEAD");
    cr_expect_eq(in_place("-- ./attacker part"), 0);
    cr_expect(!is_there("tree/new/.git/hooks") && !is_there("tree/other"));
    close_place();
}

/* The clerk is in the sandbox's files; that one is not. */
Test(clerk, no_name_is_made_in_a_directory_from_outside)
{
    char outside[] = "/tmp/coop-clerk-XXXXXX", byte = 0;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    int pair[2], dir, before;

    open_place(geteuid());
    cr_assert_not_null(mkdtemp(outside));
    dir = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    memcpy(CMSG_DATA(&control.head), &dir, sizeof dir);
    cr_assert_eq(sendmsg(pair[1], &msg, 0), 1);
    before = dup(STDIN_FILENO);
    cr_assert_eq(dup2(pair[0], STDIN_FILENO), STDIN_FILENO);
    cr_expect_eq(in_place("-- ./attacker passed"), 0);
    cr_expect(before < 0 || dup2(before, STDIN_FILENO) == STDIN_FILENO);
    cr_expect_eq(rmdir(outside), 0, "it is empty");
    close_place();
}

/* Without Landlock the clerk would be a filter that can be got round: then nothing starts, unless
 * that is preferred, and the undoing is told. */
Test(clerk, without_landlock_it_is_refused_or_told)
{
    open_place(0);
    cr_expect_eq(in_place("--landlock=no -- true 2>/dev/null"), 125);
    cr_expect_eq(
        in_place("--landlock=no -- true 2>&1 | grep -q 'FrozenPaths= needs Landlock=yes'"), 0);
    cr_expect_eq(in_place("--landlock=no --prefer FrozenPaths -- true 2>&1 | "
                          "grep -q 'not in force here: .*FrozenPaths'"),
                 0);
    cr_expect_eq(in_place("--landlock=no --prefer FrozenPaths -- sh -c 'echo x > .envrc; "
                          "exec sleep 100' 2>/dev/null"),
                 137);
    cr_expect(!is_there(".envrc"));
    close_place();
}

/* ---- the clerk's death ---- */

/* The child of 'parent' that is called so, or 0. */
static pid_t find_child(pid_t parent, const char *name)
{
    char path[64], text[512];
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (proc && !found && (entry = readdir(proc))) {
        long pid = strtol(entry->d_name, NULL, 10), above;
        char called[32] = "";
        ssize_t n;
        int fd;

        (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        if (sscanf(text, "%*d (%31[^)]) %*c %ld", called, &above) == 2 && above == parent &&
            strcmp(called, name) == 0)
            found = (pid_t)pid;
    }
    if (proc)
        closedir(proc);
    return found;
}

Test(clerk, when_it_is_gone_its_calls_fail)
{
    int in[2], out[2], status;
    char text[16] = "";
    pid_t pid, clerk;

    open_place(0);
    cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        if (chdir(place) == 0)
            execl(COOP_RUN, "coop-run", "--profile=agent", "--", "./attacker", "orphan", NULL);
        _exit(99);
    }
    cr_assert_gt(read(out[0], text, sizeof text - 1), 0);
    clerk = find_child(pid, "coop-clerk");
    cr_assert_gt(clerk, 0);
    cr_expect_eq(kill(clerk, SIGKILL), 0);
    while (find_child(pid, "coop-clerk") == clerk)
        sched_yield();
    cr_expect_eq(write(in[1], "x", 1), 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_expect(!is_there(".envrc") && !is_there("after"));
    close_place();
}
