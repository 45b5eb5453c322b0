#ifndef LAUNCHER_CLERK_DESK_H
#define LAUNCHER_CLERK_DESK_H

#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "launcher/clerk/clerk.h"

/*
 * desk.h - what the clerk has before it, in its own process; private to launcher/clerk/
 */
enum { DESK_MOUNTS = 2048 };

struct desk {
    const struct clerk_order *order;
    struct clerk_told *told;
    int listener;
    bool patient; /* who waits for us is interrupted by nothing but its death         */
    int proc;     /* the /proc of the launcher, where program and clerk have numbers    */
    int frozen;   /* the directory that the names are in                                */
    uint64_t mounts[DESK_MOUNTS]; /* those that the sandbox has, by number            */
    size_t mount_count;
    char frozen_at[PATH_MAX]; /* where it is now: one above it may have been moved          */
    bool umask_moves; /* somebody has set another umask than the one they were started with */
    mode_t umask;     /* ours at the moment                                                 */
};

/* One call that waits for an answer. */
struct ask {
    uint64_t id;
    pid_t pid; /* of the thread, as the launcher sees it */
    const struct seccomp_data *data;
};

/* What it is told: 0 or more, -errno, or that the kernel shall do it itself, by Landlock's rules.
 */
#define CLERK_PASS     (-4096)
#define CLERK_ANSWERED (-4097) /* it has been told already */

/* A name, and where it is or would be. */
struct place {
    int dir; /* O_PATH                                               */
    bool slash;
    char name[NAME_MAX + 1];
    char path[2 * PATH_MAX]; /* as seen from the frozen directory; "": outside of it */
};

/* ---- ask.c: the caller ---- */

/* Text at 'address' in the caller's memory; 0, or -1: it cannot be read, or is too long. */
int ask_text(struct desk *desk, const struct ask *ask, uint64_t address, char *ret_text,
             size_t size);
/* That many bytes. 0 or -1. */
int ask_bytes(struct desk *desk, const struct ask *ask, uint64_t address, void *ret_bytes,
              size_t size);
/* The directory that a relative path begins in: a descriptor, or -1. */
int ask_base(const struct desk *desk, const struct ask *ask, int dirfd);
/* From now on we make files as the caller would. 0 or -1. */
int ask_umask(struct desk *desk, const struct ask *ask);
/* A copy of the caller's descriptor, or -1. */
int ask_descriptor(const struct desk *desk, const struct ask *ask, int fd);
/* Gives the caller a copy of 'fd', which is closed: the new number, CLERK_ANSWERED, or -errno. */
long ask_give(const struct desk *desk, const struct ask *ask, int fd, bool on_exec);
/* It still waits, so what was read was its own. */
bool ask_holds(const struct desk *desk, const struct ask *ask);

/* ---- place.c: the name ---- */

/* Looks where the frozen directory is: at the start, and after a move. 0 or -1. */
int place_follow(struct desk *desk);
/* From now on a directory counts only if it lies in one of the mounts that we see. 0 or -errno. */
int place_read_mounts(struct desk *desk);
/* Where 'text' leads to, from 'base', but for a last part that may be a link. 0 or CLERK_PASS. */
int place_find(const struct desk *desk, int base, const char *text, struct place *ret_place);
/* The same of a text in the caller's memory. */
int place_ask(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
              struct place *ret_place);
/* Whether 'text' from 'base' is the name's plain path: no link, no "..". */
bool place_is_text(const struct desk *desk, const struct place *place, int base,
                   const char *text);
void place_done(struct place *place);
#define SCOPED_PLACE SCOPED(struct place, place_done)

/* May it be made there?  0 or -EACCES, and then it is told. */
int place_judge(struct desk *desk, const struct place *place, bool is_dir);
/* As a link, or as what could be one. */
int place_judge_link(struct desk *desk, const struct place *place);
/* As the directory 'dir', which is at 'from' now, with what is in it. */
int place_judge_move(struct desk *desk, const struct place *place, int dir,
                     const struct place *from);

/* ---- make.c: the calls ---- */

/* Carries it out, or refuses: the answer. */
long make_name(struct desk *desk, const struct ask *ask);

#endif
