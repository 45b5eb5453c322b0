/*
 * tree.c - Tree: the processes of services, from one look at /proc
 */
#include "control/room.h"

#include "base/scope.h"
#include "base/sys.h"
#include "coop/block.h"
#include "daemon.h"
#include "events/board.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* The topmost processes of a service. */
struct roots {
    pid_t pids[PROC_TREE_MAX];
    size_t count;
};

static void add_root(struct roots *roots, pid_t pid)
{
    if (pid > 0 && roots->count < COOP_COUNT(roots->pids))
        roots->pids[roots->count++] = pid;
}

/* Members of the service's cgroup: those that left their parents are found here only. */
static void add_cgroup(struct roots *roots, struct daemon *daemon, const char *name)
{
    char path[CTL_PATH_MAX], line[32];
    FILE *procs;

    if (daemon_cgroup_path(daemon, name, path, sizeof path - sizeof "/cgroup.procs") < 0)
        return;
    memcpy(path + strlen(path), "/cgroup.procs", sizeof "/cgroup.procs");
    procs = fopen(path, "re");
    while (procs && fgets(line, sizeof line, procs))
        add_root(roots, (pid_t)strtol(line, NULL, 10));
    if (procs)
        fclose(procs);
}

static json_t *process_json(const struct proc_node *node)
{
    const char state[2] = {node->proc.state, '\0'};

    return json_pack("{s:i, s:i, s:i, s:s, s:i, s:o}", "pid", node->proc.pid, "ppid",
                     node->proc.ppid, "inside", node->proc.inside, "state", state, "depth",
                     (int)node->depth, "command",
                     varlink_string(node->command, strlen(node->command)));
}

static json_t *tree_json(const struct svc_view *view, const struct proc_tree *tree)
{
    json_t *processes = json_array();

    for (size_t i = 0; i < tree->count; i++)
        json_array_append_new(processes, process_json(&tree->at[i]));
    return json_pack("{s:{s:s, s:s, s:o, s:I}}", "tree", "service", view->name, "state",
                     svc_state_word(svc_place_state(view->place)), "processes", processes,
                     "left_out", (json_int_t)tree->left_out);
}

static int tell(struct ctl_call *call, const struct proc_table *table, struct roots *roots,
                const struct svc_view *view)
{
    struct proc_tree tree = {0};
    int r;

    roots->count = 0;
    add_root(roots, view->top_pid);
    add_root(roots, view->main_pid);
    coop_block_begin();
    if (view->held_by == HELD_BY_CGROUP)
        add_cgroup(roots, call->control->daemon, view->name);
    r = proc_tree_cut(&tree, table, roots->pids, roots->count);
    if (r == 0)
        proc_tree_describe(&tree, "/proc");
    coop_block_end();
    r = ctl_stream(call, tree_json(view, &tree));
    proc_tree_done(&tree);
    return r;
}

static int tell_each(struct ctl_call *call, const struct proc_table *table, struct roots *roots)
{
    struct board *board = daemon_board(call->control->daemon);
    const struct ctl_args *args = &call->args;
    struct svc_view view;
    int r = 0;

    for (size_t i = 0; r == 0 && i < args->count; i++)
        if (board_find(board, args->services[i], &view))
            r = tell(call, table, roots, &view);
    for (unsigned i = 0; !args->named && r == 0 && i < board_limit(board); i++)
        if (board_read(board, i, &view))
            r = tell(call, table, roots, &view);
    return r < 0 ? r : ctl_stream_end(call, NULL);
}

int ctl_tree(struct ctl_call *call)
{
    struct board *board = daemon_board(call->control->daemon);
    const struct ctl_args *args = &call->args;
    struct proc_table table = {0};
    struct coop_err err;
    struct svc_view view;
    struct roots *roots;
    int r;

    for (size_t i = 0; i < args->count; i++)
        if (!board_find(board, args->services[i], &view))
            return ctl_no_such_service(call, args->services[i]);
    coop_block_begin();
    r = proc_table_scan(&table, "/proc", &err);
    coop_block_end();
    if (r < 0)
        return ctl_fail(call, &err);
    roots = malloc(sizeof *roots);
    r = roots ? tell_each(call, &table, roots) : -ENOMEM;
    free(roots);
    proc_table_done(&table);
    return r;
}
