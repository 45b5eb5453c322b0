/*
 * handed.c - holders over a re-execution (see handed.h)
 */
#include "service/handed.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/io.h"
#include "handover.h"
#include "service/bounding.h"
#include "service/saved.h"

/* ---- the old program ---- */

/* As wait(2) has it. */
static int wait_status(const struct coop_exit *end)
{
    if (end->code == CLD_EXITED)
        return end->status << 8;
    return end->status | (end->code == CLD_DUMPED ? 0x80 : 0);
}

static bool is_child(const struct holder *holder)
{
    return holder->held_by != HELD_BY_NOTHING && holder->pidfd < 0;
}

void holder_leave(struct holder *holder)
{
    struct coop_child *child = &holder->child;

    if (!is_child(holder) || child->pid != holder->top_pid || holder->end_known)
        return;
    coop_child_forget(child); /* from here on nobody writes to it */
    if (child->exit.pid != holder->top_pid)
        return;
    holder->end_known = true;
    holder->end_status = wait_status(&child->exit);
}

json_t *holder_record(const struct holder *holder)
{
    if (holder->held_by == HELD_BY_NOTHING)
        return json_null();
    return json_pack(
        "{s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:i, s:I, s:I, s:b, s:i, s:b, s:o, "
        "s:o, s:o, s:b, s:b, s:b, s:i, s:I, s:o}",
        "held_by", (int)holder->held_by, "top", (int)holder->top_pid, "main",
        (int)holder->main_pid, "main_gone", holder->main_gone, "empty", holder->empty, "notes",
        holder->notes, "beside", holder->beside, "noted", holder->noted, "note",
        holder->note_status, "lost", (json_int_t)holder->lost, "start",
        (json_int_t)holder->start_ticks, "end_known", holder->end_known, "end",
        holder->end_status, "polls", holder->polls, "pidfd", handover_fd(holder->pidfd),
        "watch", handover_fd(holder->watch_fd), "cgroup",
        handover_text(holder->cgroup ? holder->cgroup : ""), "piped", holder->piped, "followed",
        holder->followed, "told", holder->told, "inside", (int)holder->main_inside,
        "main_start", (json_int_t)holder->main_ticks, "main_fd", handover_fd(holder->main_fd));
}

/* ---- both ---- */

static void post_end(struct holder *holder, struct coop_actor *actor, int kind_top)
{
    coop_msg_init(&holder->child.msg, kind_top);
    coop_post(actor, &holder->child.msg);
}

/* Its end is to be told, and has not been. */
static bool end_is_due(const struct holder *holder)
{
    return is_child(holder) && !(holder->main_gone && holder->empty);
}

static void watch_child(struct holder *holder, struct coop_actor *actor, int kind_top)
{
    int r;

    if (!end_is_due(holder))
        return;
    if (holder->end_known) {
        if (!holder->main_gone || holder->held_by != HELD_BY_CGROUP)
            post_end(holder, actor, kind_top);
        return;
    }
    r = coop_child_watch(&holder->child, holder->top_pid, actor, kind_top);
    if (r == 0 || r == -EEXIST)
        return;
    log_warn("service", "process %d: how it ended is not known: %s", holder->top_pid,
             coop_strerror(r));
    post_end(holder, actor, kind_top);
}

/* Main is another than what was launched, and its end has not been told. */
static bool follows(const struct holder *holder)
{
    return holder->followed && !holder->main_gone;
}

/* What may have come meanwhile is told once more. */
void holder_return(struct holder *holder, const struct holder_news *news)
{
    if (holder->held_by == HELD_BY_NOTHING)
        return;
    if (holder->pidfd >= 0)
        coop_post(news->actor, &holder->top_watch.msg);
    else
        watch_child(holder, news->actor, news->kind_top);
    if (follows(holder))
        coop_post(news->actor, &holder->main_watch.msg);
}

/* ---- the new program ---- */

static int watch_fd(struct coop_fdwatch *watch, const json_t *record, const char *key,
                    const struct holder_news *news, int kind, int *ret_fd)
{
    int r, fd = handover_take_fd(record, key);

    if (fd < 0)
        return 0;
    r = coop_fdwatch_start(watch, fd, COOP_IN, news->actor, kind);
    if (r < 0)
        sys_close(fd);
    else
        *ret_fd = fd;
    return r;
}

static void read_record(const json_t *record, struct holder *holder)
{
    holder->held_by = (enum svc_held_by)handover_int(record, "held_by", HELD_BY_NOTHING);
    holder->top_pid = (pid_t)handover_int(record, "top", 0);
    holder->main_pid = (pid_t)handover_int(record, "main", 0);
    holder->main_gone = handover_bool(record, "main_gone");
    holder->empty = handover_bool(record, "empty");
    holder->notes = handover_bool(record, "notes");
    holder->beside = handover_bool(record, "beside");
    holder->noted = handover_bool(record, "noted");
    holder->note_status = (int)handover_int(record, "note", 0);
    holder->lost = (uint64_t)handover_int(record, "lost", 0);
    holder->start_ticks = (uint64_t)handover_int(record, "start", 0);
    holder->end_known = handover_bool(record, "end_known");
    holder->end_status = (int)handover_int(record, "end", 0);
    holder->polls = handover_bool(record, "polls");
    holder->piped = handover_bool(record, "piped");
    holder->followed = handover_bool(record, "followed");
    holder->told = handover_bool(record, "told");
    holder->main_inside = (pid_t)handover_int(record, "inside", 0);
    holder->main_ticks = (uint64_t)handover_int(record, "main_start", 0);
}

int holder_take(struct spawn *spawn, const struct svc_spec *spec, const json_t *record,
                const struct holder_news *news, coop_nsec began, struct holder *holder,
                struct coop_err *err)
{
    struct machine *machine = (struct machine *)(void *)spawn;
    char cgroup[SAVED_CGROUP_MAX];
    int r = 0;

    holder_init(holder);
    if (!json_is_object(record))
        return 0;
    handover_get_text(record, "cgroup", cgroup, sizeof cgroup);
    if (cgroup[0] && !(holder->cgroup = strdup(cgroup)))
        return coop_fail(err, COOP_E_LIMIT, "no memory");
    read_record(record, holder);
    r = watch_fd(&holder->top_watch, record, "pidfd", news, news->kind_top, &holder->pidfd);
    if (r == 0)
        r = watch_fd(&holder->watch, record, "watch", news, news->kind_watch,
                     &holder->watch_fd);
    if (r == 0)
        r = watch_fd(&holder->main_watch, record, "main_fd", news, news->kind_main,
                     &holder->main_fd);
    if (r < 0)
        return coop_fail_sys(err, r, "process %d", holder->top_pid);
    if (holder->pidfd < 0)
        watch_child(holder, news->actor, news->kind_top);
    if (follows(holder) && holder->main_fd < 0) { /* it had gone before it was followed */
        coop_msg_init(&holder->main_watch.msg, news->kind_main);
        coop_post(news->actor, &holder->main_watch.msg);
    }
    if (holder->beside || holder->empty)
        return 0;
    return bounding_adopt(machine, spec, holder, began, err);
}
