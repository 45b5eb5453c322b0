/*
 * stage.c - see stage.h
 */
#include "launcher/stage.h"

#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/steps.h"
#include "launcher/tree.h"
#include "launcher/tree_old.h"

int stage_open(struct child *c)
{
    long r, stage;

    c->old_calls = old_calls_needed();
    if (c->old_calls)
        return old_stage_open(c);
    if (!(c->plan->flags & PLAN_STAGE))
        return 0;
    stage = tree_make_tmpfs(c, 0755, LAUNCH_MAX_BLOB, STAGE_INODES,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (stage < 0)
        return (int)stage;
    c->stage = stage;
    r = tree_attach_over_root(c, stage);
    if (r >= 0)
        r = tree_set_copyable(c, stage, false); /* the host's "/" is bound without it */
    return step_fail(c, r, "move_mount", "/");
}

char *stage_name(struct child *c, char ret_name[24])
{
    raw_number(ret_name, c->stage_count++);
    return ret_name;
}

long stage_directory(struct child *c)
{
    char name[24];
    long r = raw3(SYS_mkdirat, c->stage, stage_name(c, name), 0755);

    if (r < 0)
        return r;
    return raw4(SYS_openat, c->stage, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

int stage_close(struct child *c)
{
    long r;

    if (c->stage < 0)
        return 0;
    r = raw1(SYS_fchdir, c->stage);
    if (r >= 0)
        r = raw2(SYS_umount2, ".", MNT_DETACH);
    if (r >= 0)
        r = raw1(SYS_chdir, "/");
    return step_fail(c, r, "umount2", "the stage");
}
