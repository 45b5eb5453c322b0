/*
 * plan_empty.c - one empty network for many sandboxes
 *
 * A network namespace of its own costs most of a launch, and as much again when it goes.  Without
 * an interface that is up nobody can send anything through it, so many can be in one, if what does
 * not need an interface is closed as well: abstract unix sockets by Landlock, every other family of
 * sockets (netlink sends from process to process) by the filter, and the interfaces themselves by
 * a user namespace that has no power over them.
 */
#include "launcher/blob.h"

#include "base/scope.h"

#include <errno.h>
#include <string.h>

int plan_spec_empty(const struct launch_spec *spec, struct launch_spec *ret_spec,
                    struct coop_err *err)
{
    bool failed;

    if (!spec->private_users || spec->network)
        return coop_fail(
            err, COOP_E_RANGE,
            "EmptyNetworkPath=%s needs PrivateUsers=yes, and no NetworkNamespacePath=",
            spec->empty_network);
    if (launch_spec_copy(ret_spec, spec, err) < 0)
        return -1;
    ret_spec->restrict_abstract = true;
    /* Without a user namespace of its own, root inside could bring the interfaces up. */
    ret_spec->require.guards |= LAUNCH_BIT(LAUNCH_GUARD_ABSTRACT) |
                                LAUNCH_BIT(LAUNCH_GUARD_FILTER) |
                                LAUNCH_BIT(LAUNCH_GUARD_USERS);
    strlist_done(&ret_spec->address_families);
    failed = strlist_add(&ret_spec->address_families, "AF_UNIX") < 0;
    ret_spec->network = strdup(spec->empty_network);
    if (!failed && ret_spec->network)
        return 0;
    launch_spec_done(ret_spec);
    return coop_fail_sys(err, ENOMEM, "EmptyNetworkPath");
}
