/*
 * plan_verify.c - is this block of bytes a plan that can be run? and make it runnable here
 *
 * The spawner gets plans from its parent over a socket.  The parent is trusted with what it asks
 * for, but not with memory safety across two builds: magic and version stop another build's
 * plan, and the bounds stop a truncated one.
 */
#include "base/scope.h"
#include "launcher/identity/id_map.h"
#include "launcher/kernel.h"
#include "launcher/plan.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <string.h>

static bool vec_ok(const struct launch_plan *plan, struct plan_vec vec, size_t item,
                   size_t more)
{
    uint64_t end = (uint64_t)vec.at + ((uint64_t)vec.count + more) * item;

    return vec.count == 0 && more == 0
               ? vec.at <= plan->size
               : vec.at >= sizeof *plan && vec.at % PLAN_ALIGN == 0 && end <= plan->size;
}

static bool text_ok(const struct launch_plan *plan, plan_off off)
{
    return off == 0 || (off >= sizeof *plan && off < plan->size);
}

static bool texts_ok(const struct launch_plan *plan, struct plan_vec vec)
{
    const plan_off *off = plan_at(plan, vec.at);

    for (uint32_t i = 0; i < vec.count; i++)
        if (off[i] == 0 || !text_ok(plan, off[i]))
            return false;
    return true;
}

static bool needs_source(const struct plan_op *op)
{
    return op->kind == PLAN_OP_BIND || op->kind == PLAN_OP_SYMLINK ||
           op->kind == PLAN_OP_COPY || op->kind == PLAN_OP_MIRROR ||
           op->kind == PLAN_OP_LOWER || op->flags & PLAN_MNT_EARLY;
}

static bool data_ok(const struct launch_plan *plan, const struct plan_op *op)
{
    if (op->kind == PLAN_OP_PROC)
        return op->data <= (PLAN_PROC_HIDEPID | PLAN_PROC_SUBSET);
    if (op->kind == PLAN_OP_OVERLAY)
        return text_ok(plan, op->data) && (op->data || !op->src);
    if (op->kind == PLAN_OP_FILE || op->kind == PLAN_OP_DATA)
        return op->data >= sizeof *plan && op->data <= plan->size &&
               op->size <= plan->size - op->data;
    return !(op->flags & PLAN_MNT_EARLY) || op->data < PLAN_EARLY_MAX;
}

static bool op_ok(const struct launch_plan *plan, const struct plan_op *op)
{
    return op->kind < PLAN_OP_KINDS && op->guard <= PLAN_NO_GUARD && op->dst &&
           text_ok(plan, op->dst) && text_ok(plan, op->src) && (op->src || !needs_source(op)) &&
           data_ok(plan, op);
}

static bool needs_stage(const struct plan_op *op)
{
    bool fresh = op->kind == PLAN_OP_OVERLAY && !op->src && !(op->attr_set & MOUNT_ATTR_RDONLY);

    return fresh || op->kind == PLAN_OP_DATA;
}

/* LOWER is followed by LOWER or OVERLAY, so that a root is complete. */
static bool root_ok(const struct launch_plan *plan, const struct plan_op *ops)
{
    const struct plan_op *last;

    if (!(plan->flags & PLAN_ROOT_BIND))
        return true;
    if (plan->root_ops == 0 || plan->root_ops > plan->ops.count)
        return false;
    for (uint32_t i = 0; i + 1 < plan->root_ops; i++)
        if (ops[i].kind != PLAN_OP_LOWER)
            return false;
    last = &ops[plan->root_ops - 1];
    return last->kind == PLAN_OP_OVERLAY || (last->kind == PLAN_OP_BIND && last->src);
}

static bool ops_ok(const struct launch_plan *plan)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);

    uint32_t layers = 0;

    for (uint32_t i = 0; i < plan->ops.count; i++) {
        if (!op_ok(plan, &ops[i]))
            return false;
        layers = ops[i].kind == PLAN_OP_LOWER ? layers + 1 : 0;
        if (layers > LAUNCH_MAX_LAYERS)
            return false;
        if (needs_stage(&ops[i]) && !(plan->flags & PLAN_STAGE))
            return false;
    }
    return root_ok(plan, ops);
}

static bool rules_ok(const struct launch_plan *plan)
{
    const struct plan_rule *rules = plan_at(plan, plan->land_rules.at);

    for (uint32_t i = 0; i < plan->land_rules.count; i++)
        if (!rules[i].path || !text_ok(plan, rules[i].path))
            return false;
    return true;
}

static bool joins_ok(const struct launch_plan *plan)
{
    const struct plan_join *joins = plan_at(plan, plan->joins.at);

    for (uint32_t i = 0; i < plan->joins.count; i++)
        if (!joins[i].path || !text_ok(plan, joins[i].path))
            return false;
    return true;
}

/* The child writes into it: as many bytes as a number can have. */
static bool pid_ok(const struct launch_plan *plan)
{
    for (size_t i = 0; i < COOP_COUNT(plan->own_pid); i++)
        if (plan->own_pid[i] && (!text_ok(plan, plan->own_pid[i]) ||
                                 strlen((const char *)plan + plan->own_pid[i]) != 10))
            return false;
    return true;
}

static bool limits_ok(const struct launch_plan *plan)
{
    const struct plan_limit *limits = plan_at(plan, plan->limits.at);

    for (uint32_t i = 0; i < plan->limits.count; i++)
        if (limits[i].which >= LAUNCH_LIMITS || !text_ok(plan, limits[i].name))
            return false;
    return true;
}

static bool filters_ok(const struct launch_plan *plan)
{
    const struct plan_filter *filters = plan_at(plan, plan->filters.at);

    for (uint32_t i = 0; i < plan->filters.count; i++)
        if (filters[i].code.count == 0 || filters[i].code.count > BPF_MAXINSNS ||
            !vec_ok(plan, filters[i].code, sizeof(struct sock_filter), 0) ||
            !text_ok(plan, filters[i].from))
            return false;
    return true;
}

/* plan_bind() writes to the slots, after all this has been looked at: nothing else may be there. */
static bool slots_ok(const struct launch_plan *plan, struct plan_vec slots)
{
    const struct {
        struct plan_vec vec;
        size_t item;
    } rest[] = {
        {plan->groups, sizeof(uint32_t)},
        {plan->joins, sizeof(struct plan_join)},
        {plan->uid_map, sizeof(struct plan_id_map)},
        {plan->gid_map, sizeof(struct plan_id_map)},
        {plan->argv_off, sizeof(plan_off)},
        {plan->env_off, sizeof(plan_off)},
        {plan->exec_paths, sizeof(plan_off)},
        {plan->ops, sizeof(struct plan_op)},
        {plan->limits, sizeof(struct plan_limit)},
        {plan->filters, sizeof(struct plan_filter)},
        {plan->land_rules, sizeof(struct plan_rule)},
        {plan->land_ports, sizeof(struct plan_port)},
        {plan->lock_files, sizeof(plan_off)},
    };
    uint64_t end = slots.at + (slots.count + UINT64_C(1)) * sizeof(char *);

    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i].vec.count > 0 &&
            slots.at < rest[i].vec.at + rest[i].vec.count * rest[i].item &&
            rest[i].vec.at < end)
            return false;
    return true;
}

int plan_verify(const void *block, size_t size)
{
    const struct launch_plan *plan = block;
    bool ok;

    if (size < sizeof *plan || plan->magic != PLAN_MAGIC || plan->version != PLAN_VERSION ||
        plan->size != size || ((const char *)block)[size - 1] != '\0')
        return -EINVAL;
    ok = vec_ok(plan, plan->groups, sizeof(uint32_t), 0) &&
         vec_ok(plan, plan->joins, sizeof(struct plan_join), 0) &&
         plan->joins.count <= PLAN_JOINS_MAX &&
         vec_ok(plan, plan->uid_map, sizeof(struct plan_id_map), 0) &&
         vec_ok(plan, plan->gid_map, sizeof(struct plan_id_map), 0) &&
         plan->uid_map.count <= ID_MAP_MAX && plan->gid_map.count <= ID_MAP_MAX &&
         vec_ok(plan, plan->argv_off, sizeof(plan_off), 0) &&
         vec_ok(plan, plan->env_off, sizeof(plan_off), 0) &&
         vec_ok(plan, plan->argv, sizeof(char *), 1) &&
         vec_ok(plan, plan->env, sizeof(char *), 1) &&
         vec_ok(plan, plan->exec_paths, sizeof(plan_off), 0) &&
         vec_ok(plan, plan->ops, sizeof(struct plan_op), 0) &&
         vec_ok(plan, plan->limits, sizeof(struct plan_limit), 0) &&
         vec_ok(plan, plan->filters, sizeof(struct plan_filter), 0) &&
         vec_ok(plan, plan->land_rules, sizeof(struct plan_rule), 0) &&
         vec_ok(plan, plan->land_ports, sizeof(struct plan_port), 0) &&
         vec_ok(plan, plan->lock_files, sizeof(plan_off), 0) &&
         plan->lock_files.count <= LAUNCH_MAX_LOCKS &&
         plan->argv.count == plan->argv_off.count && plan->env.count == plan->env_off.count &&
         plan->argv.count > 0 && plan->filters.count <= LAUNCH_MAX_FILTERS &&
         plan->groups.count <= LAUNCH_MAX_GROUPS && slots_ok(plan, plan->argv) &&
         slots_ok(plan, plan->env);
    ok = ok && plan->propagation <= LAUNCH_SHARED && text_ok(plan, plan->program) &&
         text_ok(plan, plan->cwd) && text_ok(plan, plan->hostname) &&
         text_ok(plan, plan->network) && texts_ok(plan, plan->argv_off) &&
         texts_ok(plan, plan->env_off) && texts_ok(plan, plan->exec_paths) &&
         texts_ok(plan, plan->lock_files) && ops_ok(plan) && limits_ok(plan) &&
         filters_ok(plan) && rules_ok(plan) && joins_ok(plan) &&
         text_ok(plan, plan->second_users) && text_ok(plan, plan->frozen_at) && pid_ok(plan);
    return ok ? 0 : -EINVAL;
}

void plan_bind(struct launch_plan *plan)
{
    const struct {
        struct plan_vec from, to;
    } lists[] = {{plan->argv_off, plan->argv}, {plan->env_off, plan->env}};

    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        const plan_off *off = plan_at(plan, lists[l].from.at);
        void *slots = (char *)plan + lists[l].to.at;
        char **pointers = slots;

        for (uint32_t i = 0; i < lists[l].to.count; i++)
            pointers[i] = (char *)plan + off[i];
        pointers[lists[l].to.count] = NULL;
    }
    plan->bound = (uint64_t)(uintptr_t)plan;
}
