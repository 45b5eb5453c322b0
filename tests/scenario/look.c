/* look.c - what /proc and `coopctl status` say; see look.h */
#include "look.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "proc.h"
#include "words.h"

enum { PIDS_MAX = 40000 };

struct seen {
    pid_t pid, ppid;
    char state;
    char comm[32];
};

/* ---- /proc ---- */

static bool read_stat(pid_t pid, struct seen *ret_seen)
{
    char line[512], *end;
    ssize_t n = -1;

    snprintf(line, sizeof line, "/proc/%d/stat", (int)pid);
    SCOPED_FD fd = open(line, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        n = read(fd, line, sizeof line - 1);
    if (n <= 0)
        return false;
    line[n] = '\0';
    end = strrchr(line, ')'); /* a name may hold anything, also ')' */
    if (!end || end[1] != ' ')
        return false;
    *end = '\0';
    ret_seen->pid = pid;
    ret_seen->state = end[2];
    ret_seen->ppid = (pid_t)strtol(end + 4, NULL, 10);
    snprintf(ret_seen->comm, sizeof ret_seen->comm, "%s", strchr(line, '(') + 1);
    return true;
}

static struct seen *read_all(int *ret_count)
{
    struct seen *all = malloc(PIDS_MAX * sizeof *all);
    DIR *dir = opendir("/proc");
    int n = 0;

    for (struct dirent *e; all && dir && n < PIDS_MAX && (e = readdir(dir));)
        if (isdigit((unsigned char)e->d_name[0]))
            n += read_stat((pid_t)strtol(e->d_name, NULL, 10), &all[n]) ? 1 : 0;
    if (dir)
        closedir(dir);
    *ret_count = n;
    return all;
}

static bool is_below(const struct seen *all, int count, const struct seen *one, pid_t top)
{
    for (int hops = 0; hops < 100; hops++) {
        int i = 0;

        if (one->ppid == top)
            return true;
        while (i < count && all[i].pid != one->ppid)
            i++;
        if (i == count)
            return false;
        one = &all[i];
    }
    return false;
}

static int count_dir(pid_t pid, const char *what)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    DIR *dir = opendir(path);

    if (!dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Does it lead to an epoll?  The runtime makes one for each processor when that first needs it. */
static bool is_epoll(const char *dir, const char *name)
{
    static const char epoll[] = "anon_inode:[eventpoll]";
    char path[320], target[sizeof epoll];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return readlink(path, target, sizeof target) == (ssize_t)sizeof epoll - 1 &&
           memcmp(target, epoll, sizeof epoll - 1) == 0;
}

int look_fds(pid_t pid)
{
    char path[64];
    DIR *dir;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    dir = opendir(path);
    if (!dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.' && !is_epoll(path, e->d_name);
    closedir(dir);
    return n;
}

int look_threads(pid_t pid)
{
    return count_dir(pid, "task");
}

int look_children(pid_t pid)
{
    int count, n = 0;
    SCOPED_FREE struct seen *all = read_all(&count);

    for (int i = 0; i < count; i++)
        n += all[i].ppid == pid;
    return n;
}

int look_zombies(pid_t pid)
{
    int count, n = 0;
    SCOPED_FREE struct seen *all = read_all(&count);

    for (int i = 0; i < count; i++)
        n += all[i].state == 'Z' && is_below(all, count, &all[i], pid);
    return n;
}

bool look_alive(pid_t pid)
{
    struct seen one;

    return read_stat(pid, &one) && one.state != 'Z' && one.state != 'X';
}

static bool is_ours(const struct scn *s, pid_t pid)
{
    for (const struct proc *p = s->procs; p; p = p->next)
        if (p->pid == pid && !p->ended)
            return true;
    return false;
}

int look_leftovers(const struct scn *s, struct text *ret_names)
{
    int count, n = 0;
    SCOPED_FREE struct seen *all = read_all(&count);

    ret_names->len = 0;
    for (int i = 0; i < count; i++) {
        char one[64];

        if (all[i].pid == getpid() || is_ours(s, all[i].pid) ||
            !is_below(all, count, &all[i], getpid()))
            continue;
        snprintf(one, sizeof one, " %s(%d,%c)", all[i].comm, (int)all[i].pid, all[i].state);
        text_add(ret_names, one, strlen(one));
        n++;
    }
    return n;
}

void look_kill_all(void)
{
    for (int more = 1; more > 0;) {
        int count;
        SCOPED_FREE struct seen *all = read_all(&count);

        more = 0;
        for (int i = 0; i < count; i++) {
            if (!is_below(all, count, &all[i], getpid()))
                continue;
            more += all[i].state != 'Z';
            kill(all[i].pid, SIGKILL);
        }
        /* What dies comes to us, the subreaper: wait for one before looking again. */
        if (more > 0 && waitpid(-1, NULL, 0) < 0)
            return;
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}

/* ---- coopctl ---- */

json_t *look_ask(struct scn *s, struct proc *supervisor, const char *verb)
{
    char *words[] = {keep_printf("--socket"), keep_printf("%s", supervisor->socket),
                     keep_printf("--json"), keep_printf("%s", verb), NULL};
    struct proc *last = s->last;
    bool as_user = s->as_user;
    json_t *top = NULL;
    json_error_t bad;

    s->as_user = supervisor->as_user;
    if (words_call(s, "coopctl", 4, words) == SCN_OK) {
        top = json_loadb(text_str(&s->last->out.got), s->last->out.got.len, JSON_DECODE_ANY,
                         &bad);
        if (!top)
            scn_fail(s, "coopctl --json %s: exit %d, not JSON (%s): %.200s%.200s", verb,
                     proc_exit_code(s->last), bad.text, text_str(&s->last->out.got),
                     text_str(&s->last->err.got));
        words_forget(s, s->last);
    }
    s->last = last;
    s->as_user = as_user;
    return top;
}

static json_t *member(json_t *at, const char *name)
{
    json_t *one;
    size_t i;

    if (json_is_object(at))
        return json_object_get(at, name);
    json_array_foreach(at, i, one) if (json_is_string(json_object_get(one, "name")) &&
                                       strcmp(json_string_value(json_object_get(one, "name")),
                                              name) == 0) return one;
    return isdigit((unsigned char)name[0]) ? json_array_get(at, strtoul(name, NULL, 10)) : NULL;
}

json_t *look_path(json_t *top, const char *path)
{
    char *rest = keep_printf("%s", path);

    for (char *name; top && (name = strsep(&rest, "."));)
        if (*name)
            top = member(top, name);
    return top;
}

void look_render(json_t *value, struct text *ret_text)
{
    char *dumped;

    ret_text->len = 0;
    if (!value || json_is_string(value)) {
        const char *text = value ? json_string_value(value) : "absent";

        text_add(ret_text, text, strlen(text));
        return;
    }
    dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    text_add(ret_text, dumped, strlen(dumped));
    free(dumped);
}
