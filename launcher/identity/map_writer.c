/*
 * map_writer.c - the maps that a child may not write itself (contract in id_map.h)
 *
 * The child waits meanwhile (step user-maps), and the files of its /proc belong to the caller,
 * which newuidmap(1) looks at.
 */
#include "launcher/identity/id_map.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One of the two maps, and what goes with it. */
struct map {
    const struct plan_id_map *lines;
    uint32_t count;
    const char *file, *tool, *key, *given, *option;
};

#define NUMBER_MOST 12 /* "4294967295" */
#define SAID_MOST   200

/* ---- root: the file itself ---- */

static int write_map(const struct map *map, pid_t pid, struct coop_err *err)
{
    char path[64], text[ID_MAP_MAX * 3 * NUMBER_MOST];
    SCOPED_FD fd = -1;
    size_t used = 0;

    str_format(path, sizeof path, "/proc/%d/%s", (int)pid, map->file);
    for (uint32_t i = 0; i < map->count; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%u %u %u\n",
                             map->lines[i].inside, map->lines[i].outside, map->lines[i].count);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return coop_fail_sys(err, errno, "%s=: open '%s'", map->key, path);
    if (write(fd, text, used) == (ssize_t)used)
        return 0;
    (void)coop_fail_sys(err, errno, "%s=: write '%s'", map->key, path);
    return coop_hint(err, "root needs CAP_SETUID and CAP_SETGID, and each id must exist in the "
                          "user namespace that we are in ourselves");
}

/* ---- everybody else: newuidmap, newgidmap ---- */

static bool is_own_id(const struct map *map)
{
    uint32_t own = map->key[0] == 'U' ? geteuid() : getegid();

    return map->count == 1 && map->lines[0].count == 1 && map->lines[0].outside == own;
}

/* Why it was refused, by what the file gives. */
static int explain_refusal(const struct map *map, const char *said, struct coop_err *err)
{
    struct id_ranges ranges = {.count = 0};
    char name[SUBID_NAME], text[256] = "";
    size_t used = 0;

    (void)subid_read(map->given, geteuid(), &ranges, NULL);
    subid_user(geteuid(), name);
    for (unsigned i = 0; i < ranges.count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u-%u", i ? ", " : "",
                                 ranges.items[i].first,
                                 ranges.items[i].first + (ranges.items[i].count - 1));
    (void)coop_fail(err, COOP_E_DENIED, "%s=: %s", map->key, said);
    if (is_own_id(map))
        return coop_hint(err, "one's own id alone needs no map: --%cid %u",
                         map->key[0] == 'U' ? 'u' : 'g', map->lines[0].inside);
    if (ranges.count == 0)
        return coop_hint(err, "%s gives user '%s' no ids; as root: usermod %s 100000-165535 %s",
                         map->given, name, map->option, name);
    return coop_hint(err, "besides its own id, %s gives user '%s' %s", map->given, name, text);
}

/* What it says on its two outputs, up to its end; one line. */
static void listen_to(int fd, char ret_said[SAID_MOST])
{
    size_t used = 0;
    ssize_t got;

    while ((got = read(fd, ret_said + used, SAID_MOST - 1 - used)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || used + (size_t)got == SAID_MOST - 1)
            break;
        used += (size_t)got;
    }
    ret_said[used] = '\0';
    ret_said[strcspn(ret_said, "\n")] = '\0';
}

/* A clean start: what we block or ignore is none of its business. */
static int start_tool(const char *const *words, int out, pid_t *ret_pid)
{
    static const char *const folders[] = {"/usr/bin/", "/bin/", "/usr/sbin/",
                                          "/usr/local/bin/"};
    char *const none[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t no_signal, all_signals;
    int r = ENOENT;

    sigemptyset(&no_signal);
    sigfillset(&all_signals);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    posix_spawnattr_setsigmask(&attributes, &no_signal);
    posix_spawnattr_setsigdefault(&attributes, &all_signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (size_t i = 0; i < COOP_COUNT(folders) && r == ENOENT; i++) {
        char path[64];

        str_format(path, sizeof path, "%s%s", folders[i], words[0]);
        r = posix_spawn(ret_pid, path, &actions, &attributes, (char *const *)(uintptr_t)words,
                        none);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* Who reaps all children may have been faster than we: then the map itself tells. */
static bool is_mapped(const struct map *map, pid_t pid)
{
    char path[64], byte;
    SCOPED_FD fd = -1;

    str_format(path, sizeof path, "/proc/%d/%s", (int)pid, map->file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

static int run_tool(const struct map *map, pid_t pid, struct coop_err *err)
{
    char numbers[1 + 3 * ID_MAP_MAX][NUMBER_MOST], said[SAID_MOST];
    const char *words[2 + COOP_COUNT(numbers) + 1] = {map->tool};
    SCOPED_FD ours = -1;
    int ends[2], r;
    unsigned n = 0;
    pid_t tool;

    str_format(numbers[n++], NUMBER_MOST, "%d", (int)pid);
    for (uint32_t i = 0; i < map->count; i++) {
        str_format(numbers[n++], NUMBER_MOST, "%u", map->lines[i].inside);
        str_format(numbers[n++], NUMBER_MOST, "%u", map->lines[i].outside);
        str_format(numbers[n++], NUMBER_MOST, "%u", map->lines[i].count);
    }
    for (unsigned i = 0; i < n; i++)
        words[1 + i] = numbers[i];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "%s=: pipe", map->key);
    ours = ends[0];
    r = start_tool(words, ends[1], &tool);
    (void)close(ends[1]);
    if (r == -ENOENT)
        return coop_fail(err, COOP_E_UNKNOWN, "%s=: there is no %s here", map->key, map->tool),
               coop_hint(err, "ids that are not the caller's own are mapped by it: install it "
                              "(Debian's package is uidmap), or start as root");
    if (r < 0)
        return coop_fail_sys(err, r, "%s=: start %s", map->key, map->tool);
    listen_to(ours, said);
    while (waitpid(tool, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (is_mapped(map, pid))
        return 0;
    return explain_refusal(map, said[0] ? said : "newuidmap says no, and nothing else", err);
}

/* ---- the public call ---- */

int id_maps_write(const struct launch_plan *plan, pid_t pid, struct coop_err *err)
{
    const struct map maps[] = {
        {plan_at(plan, plan->gid_map.at), plan->gid_map.count, "gid_map", "newgidmap", "GIDMap",
         "/etc/subgid", "--add-subgids"},
        {plan_at(plan, plan->uid_map.at), plan->uid_map.count, "uid_map", "newuidmap", "UIDMap",
         "/etc/subuid", "--add-subuids"},
    };

    for (size_t i = 0; i < COOP_COUNT(maps); i++) {
        int r = 0;

        if (maps[i].count > 0)
            r = geteuid() == 0 ? write_map(&maps[i], pid, err) : run_tool(&maps[i], pid, err);
        if (r < 0)
            return coop_while(err, "step 'user-maps'");
    }
    return 0;
}
