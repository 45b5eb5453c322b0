/*
 * coroutines.c - Coroutines: what coopd itself is doing
 *
 * First a look at all of them, then the names of functions: reading the program's file blocks.
 */
#include "control/room.h"

#include "base/str.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "coop/debug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 500, NAME = 64, PLACE = 160 };

struct row {
    struct coop_coro_info info; /* its pointers are not ours: the texts are below */
    char name[NAME], scope[PLACE], function[PLACE], made_in[PLACE];
};

struct look {
    struct row *rows;
    size_t count, left_out;
};

static void copy(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);

    memcpy(to, from, len);
    to[len] = '\0';
}

static int note(const struct coop_coro_info *info, void *arg)
{
    struct look *look = arg;
    struct row *row = &look->rows[look->count];

    if (look->count == TOLD_MAX) {
        look->left_out++;
        return 0;
    }
    row->info = *info;
    copy(row->name, sizeof row->name, info->name);
    copy(row->scope, sizeof row->scope, info->scope);
    look->count++;
    return 0;
}

static void find_places(struct look *look)
{
    coop_block_begin();
    for (size_t i = 0; i < look->count; i++) {
        struct row *row = &look->rows[i];
        char *offset;

        coop_place(row->info.function, row->function, sizeof row->function);
        offset = strstr(row->function, "+0x0 "); /* the function itself: its name will do */
        if (offset)
            *offset = '\0';
        coop_place(row->info.born_at, row->made_in, sizeof row->made_in);
    }
    coop_block_end();
}

static json_t *text(const char *s)
{
    return varlink_string(s, strlen(s));
}

static json_t *seconds(bool known, coop_nsec time)
{
    return known ? json_integer(time / COOP_NSEC_PER_SEC) : json_null();
}

static json_t *row_json(const struct row *row, coop_nsec now)
{
    const struct coop_coro_info *g = &row->info;
    bool waits = g->reason[0] != '\0', patient = waits && g->deadline != COOP_FOREVER;

    /* clang-format off */
    return json_pack(
        "{s:I, s:o, s:s, s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:I, s:o, s:I}",
        "id", (json_int_t)g->id,
        "name", text(row->name),
        "state", g->state,
        "waiting_in", waits ? json_string(g->reason) : json_null(),
        "waiting_s", seconds(waits && g->since > 0, now - g->since),
        "patience_s", seconds(patient, g->deadline - now),
        "daemon", g->daemon,
        "urgent", g->urgent,
        "cancelled", g->cancelled,
        "scope", text(row->scope),
        "function", text(row->function),
        "made_in", g->born_at ? text(row->made_in) : json_null(),
        "stack_size", (json_int_t)g->stack_size,
        "stack_used", g->stack_used ? json_integer((json_int_t)g->stack_used) : json_null(),
        "stack_deepest", (json_int_t)g->stack_deepest);
    /* clang-format on */
}

int ctl_coroutines(struct ctl_call *call)
{
    struct look look = {.rows = calloc(TOLD_MAX, sizeof *look.rows)};
    json_t *rows = json_array();
    coop_nsec now = coop_now();

    if (!look.rows || !rows) {
        free(look.rows);
        json_decref(rows);
        return -ENOMEM;
    }
    coop_each_coro(note, &look);
    find_places(&look);
    for (size_t i = 0; i < look.count; i++)
        json_array_append_new(rows, row_json(&look.rows[i], now));
    free(look.rows);
    return ctl_reply(call, json_pack("{s:o, s:I}", "coroutines", rows, "left_out",
                                     (json_int_t)look.left_out));
}
