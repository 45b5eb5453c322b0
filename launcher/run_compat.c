/*
 * run_compat.c - command lines that were written for bubblewrap
 *
 * Its options are ours as well (run_flags.c, mount_words.c); here is what differs when nothing is
 * said.  The profile `bwrap` has what is a key.  docs/bubblewrap.md has the table of the rest, and
 * tests/unit/launcher/beside_bwrap.c runs the same command lines under both.
 */
#include "launcher/run_flags.h"

#include "base/str.h"
#include "launcher/caps_text.h"

#include <string.h>
#include <unistd.h>

static void set(struct run_options *o)
{
    o->compat = true;
    o->profile = "bwrap";
}

void run_compat_by_name(struct run_options *o, const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    if (strcmp(slash ? slash + 1 : argv0, "bwrap") == 0)
        set(o);
}

void run_compat_begin(struct run_options *o)
{
    o->own_files = true; /* nothing was furnished */
    /* Root keeps what it has, and names what it gives up.  Everybody else has nothing, also as an
     * id of 0 inside, and names what it wants. */
    o->spec.cap_dropped = geteuid() == 0 ? ~caps_effective() : UINT64_MAX;
}

char *run_place(struct run_parser *p, char *dst)
{
    if (!p->options->compat || dst[0] == '/')
        return dst;
    (void)str_format(p->place, sizeof p->place, "/%s", dst);
    return p->place;
}

int run_flag_compat(struct run_parser *p)
{
    if (strcmp(p->arg[0], "bwrap") != 0)
        return coop_fail(p->err, COOP_E_UNKNOWN, "'%.200s' is not known: bwrap is", p->arg[0]);
    set(p->options);
    return 0;
}

int run_flag_level_prefix(struct run_parser *p)
{
    p->options->level_prefix = true;
    return 0;
}

static int refuse_label(struct run_parser *p)
{
    return coop_fail(p->err, COOP_E_MISSING,
                     "SELinux labels are not supported; the policy's own transitions apply");
}

int run_flag_exec_label(struct run_parser *p)
{
    return refuse_label(p);
}

int run_flag_file_label(struct run_parser *p)
{
    return refuse_label(p);
}
