/*
 * stage.c - see stage.h
 */
#include "launcher/stage.h"

#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#define STAGE_INODES (2 * LAUNCH_MAX_MOUNTS)

int stage_open(struct child *c)
{
    long r, stage;

    if (!(c->plan->flags & PLAN_STAGE))
        return 0;
    stage = tree_make_tmpfs(c, 0755, LAUNCH_MAX_BLOB, STAGE_INODES,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (stage < 0)
        return (int)stage;
    c->stage = stage;
    r = raw5(SYS_move_mount, stage, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
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
