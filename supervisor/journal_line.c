/*
 * journal_line.c - the text of the journal, written and read back (see journal_line.h)
 *
 * What is read is believed only when it is whole, and then only within the bounds of what can
 * have been written: anything else is a damaged line.
 */
#include "journal_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "group/policy.h"
#include "journal.h"

/* ---- lines ---- */

/* CRC-32 (the usual polynomial, reflected); a table would not pay for lines of 100 bytes. */
static uint32_t crc32_of(const char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

int journal_make_line(char line[JOURNAL_LINE_MAX], const char *body)
{
    return str_format(line, JOURNAL_LINE_MAX, "J1 %08" PRIx32 " %s\n",
                      crc32_of(body, strlen(body)), body);
}

/* The body of a whole line, NUL-terminated in 'text'; NULL when it is damaged. */
static const char *check_line(char text[JOURNAL_LINE_MAX], const char *line, size_t size)
{
    unsigned crc;
    int used = 0;

    if (size >= JOURNAL_LINE_MAX)
        return NULL;
    memcpy(text, line, size);
    text[size] = '\0';
    if (strlen(text) != size || sscanf(text, "J1 %8x %n", &crc, &used) != 1 || used != 12)
        return NULL;
    return crc32_of(text + used, size - (size_t)used) == crc ? text + used : NULL;
}

/* ---- bodies ---- */

enum { /* flags of `at` */
       AT_WANTED = 1,
       AT_STOP_ASKED = 2,
       AT_AGAIN = 4,
       AT_READY = 8,
       AT_MAIN_TOLD = 16,
       AT_REVIVE = 32
};
enum { /* flags of an ending */
       END_CORE = 1,
       END_UNBORN = 2,
       END_TIMED_OUT = 4,
       END_NEVER_READY = 8,
       END_NO_MEMORY = 16,
       END_NO_TASKS = 32,
       END_NO_DISK = 64,
       END_STEP_FAILED = 128,
       END_SKIPPED = 256,
       END_WATCHDOG = 512
};
enum { COMMANDS_PER_KIND = 1 << 16 };

/* Which key's command, and which one of them, as one number. */
static unsigned command_number(enum exec_kind kind, unsigned command)
{
    return (unsigned)kind * COMMANDS_PER_KIND + command;
}

static bool parse_command(unsigned number, enum exec_kind *ret_kind, unsigned *ret_command)
{
    if (number / COMMANDS_PER_KIND >= EXEC_KINDS)
        return false;
    *ret_kind = (enum exec_kind)(number / COMMANDS_PER_KIND);
    *ret_command = number % COMMANDS_PER_KIND;
    return true;
}

int journal_run_line(char line[JOURNAL_LINE_MAX], const char *name,
                     const struct saved_life *life)
{
    char body[JOURNAL_LINE_MAX];

    if (str_format(
            body, sizeof body,
            "run %s %u %d %" PRIu64 " %d %s %d %d %" PRIx64 " %" PRIx64 " %" PRId64 " %u %s",
            name, (unsigned)life->held_by, life->top_pid, life->start_ticks, life->main_pid,
            life->cgroup[0] ? life->cgroup : "-", life->notes, life->polls, life->lost,
            life->digest, (int64_t)life->began, command_number(life->kind, life->command),
            life->notify[0] ? life->notify : "-") < 0)
        return -ENAMETOOLONG;
    return journal_make_line(line, body);
}

int journal_main_line(char line[JOURNAL_LINE_MAX], const char *name,
                      const struct saved_life *life)
{
    char body[JOURNAL_LINE_MAX];

    if (str_format(body, sizeof body, "main %s %d %" PRIu64 " %d", name, life->main_pid,
                   life->main_ticks, life->main_inside) < 0)
        return -ENAMETOOLONG;
    return journal_make_line(line, body);
}

static unsigned end_flags(const struct ending *ending)
{
    return (ending->core ? END_CORE : 0) | (ending->unborn ? END_UNBORN : 0) |
           (ending->timed_out ? END_TIMED_OUT : 0) |
           (ending->never_ready ? END_NEVER_READY : 0) |
           (ending->out_of_memory ? END_NO_MEMORY : 0) |
           (ending->out_of_tasks ? END_NO_TASKS : 0) | (ending->out_of_disk ? END_NO_DISK : 0) |
           (ending->step_failed ? END_STEP_FAILED : 0) | (ending->skipped ? END_SKIPPED : 0) |
           (ending->watchdog ? END_WATCHDOG : 0);
}

enum { STARTS_TEXT = SAVED_STARTS_MAX * 21 + 2 }; /* ",-9223372036854775808" */

static const char *starts_text(const struct saved_starts *starts, char text[STARTS_TEXT])
{
    size_t used = 0;

    str_copy(text, STARTS_TEXT, "-");
    for (unsigned i = 0; i < starts->count; i++)
        used += (size_t)snprintf(text + used, STARTS_TEXT - used, "%s%" PRId64, i ? "," : "",
                                 (int64_t)starts->at[i]);
    return text;
}

static bool parse_starts(const char *text, struct saved_starts *starts)
{
    char *end;

    if (strcmp(text, "-") == 0)
        return true;
    do {
        if (starts->count == SAVED_STARTS_MAX)
            return false;
        starts->at[starts->count++] = strtoll(text, &end, 10);
        if (end == text)
            return false;
        text = end + 1;
    } while (*end == ',');
    return *end == '\0';
}

int journal_at_line(char line[JOURNAL_LINE_MAX], const char *name,
                    const struct saved_state *state, const struct saved_starts *starts)
{
    unsigned flags = (state->wanted_up ? AT_WANTED : 0) |
                     (state->stop_asked ? AT_STOP_ASKED : 0) | (state->again ? AT_AGAIN : 0) |
                     (state->was_ready ? AT_READY : 0) | (state->main_told ? AT_MAIN_TOLD : 0) |
                     (state->revive ? AT_REVIVE : 0);
    char body[JOURNAL_LINE_MAX], text[STARTS_TEXT];

    if (str_format(body, sizeof body,
                   "at %s %s %u %u %u %u %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                   " %" PRId64 " %u %d %u %u %u %" PRId64 " %s",
                   name, svc_place_word(state->place), flags,
                   command_number(state->kind, state->command), state->restarts,
                   state->in_a_row, (int64_t)state->since, state->since_wall,
                   (int64_t)state->up_since, (int64_t)state->up_at, (int64_t)state->until,
                   (unsigned)state->ending.kind, state->ending.value, end_flags(&state->ending),
                   (unsigned)state->ending.broken, state->over, (int64_t)state->watchdog_every,
                   starts_text(starts, text)) < 0)
        return -ENAMETOOLONG;
    return journal_make_line(line, body);
}

int journal_group_line(char line[JOURNAL_LINE_MAX], const struct saved_group *group)
{
    char body[JOURNAL_LINE_MAX], text[STARTS_TEXT];

    if (str_format(body, sizeof body, "group %s %u %" PRId64 " %" PRId64 " %s %d %s",
                   group->name, group->phase, (int64_t)group->since, group->since_wall,
                   group->from[0] ? group->from : "-", group->exit_status,
                   starts_text(&group->deaths, text)) < 0)
        return -ENAMETOOLONG;
    return journal_make_line(line, body);
}

int journal_wish_line(char line[JOURNAL_LINE_MAX], const struct wish *wish)
{
    char body[JOURNAL_LINE_MAX];

    if (str_format(body, sizeof body, "wish %s %u %u", wish->name, wish->count, wish->instead) <
        0)
        return -ENAMETOOLONG;
    return journal_make_line(line, body);
}

static bool parse_group(const char *body, struct saved_group *group)
{
    int used = 0;

    return sscanf(body, "group %79s %u %" SCNd64 " %" SCNd64 " %79s %d %n", group->name,
                  &group->phase, &group->since, &group->since_wall, group->from,
                  &group->exit_status, &used) == 6 &&
           group->phase < GROUP_PHASES && group->exit_status >= 0 &&
           group->exit_status <= 255 && parse_starts(body + used, &group->deaths);
}

static bool parse_run(const char *body, struct survivor *s)
{
    struct saved_life *life = &s->life;
    unsigned held_by, command = 0;
    int notes = 0, polls = 0, r;

    r = sscanf(body,
               "run %79s %u %d %" SCNu64 " %d %511s %d %d %" SCNx64 " %" SCNx64 " %" SCNd64
               " %u %119s",
               s->name, &held_by, &life->top_pid, &life->start_ticks, &life->main_pid,
               life->cgroup, &notes, &polls, &life->lost, &life->digest, &life->began, &command,
               life->notify);
    if ((r != 6 && r != 13) || held_by > HELD_BY_ITSELF || life->top_pid <= 1 ||
        life->main_pid < 0 || life->main_pid == 1)
        return false;
    if (!parse_command(command, &life->kind, &life->command))
        return false;
    if (r == 13 && strcmp(life->notify, "-") != 0 && life->notify[0] != '@')
        return false; /* a path would be removed before it is bound */
    life->whole = r == 13;
    life->held_by = (enum svc_held_by)held_by;
    life->notes = notes;
    life->polls = polls;
    life->pidfd = -1;
    if (strcmp(life->cgroup, "-") == 0)
        life->cgroup[0] = '\0';
    if (strcmp(life->notify, "-") == 0)
        life->notify[0] = '\0';
    return true;
}

static bool place_of(const char *word, enum svc_place *ret_place)
{
    for (unsigned i = 0; i < SVC_PLACE_COUNT; i++)
        if (strcmp(word, svc_place_word((enum svc_place)i)) == 0) {
            *ret_place = (enum svc_place)i;
            return true;
        }
    return false;
}

static bool parse_at(const char *body, char name[SVC_NAME_MAX + 1], struct saved_state *state,
                     struct saved_starts *starts)
{
    struct ending *ending = &state->ending;
    unsigned flags, command, kind, ended, broken;
    char place[32];
    int used = 0;

    if (sscanf(body,
               "at %79s %31s %u %u %u %u %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
               " %" SCNd64 " %u %d %u %u %u %" SCNd64 " %n",
               name, place, &flags, &command, &state->restarts, &state->in_a_row, &state->since,
               &state->since_wall, &state->up_since, &state->up_at, &state->until, &kind,
               &ending->value, &ended, &broken, &state->over, &state->watchdog_every,
               &used) != 17 ||
        state->watchdog_every < 0 || !parse_command(command, &state->kind, &state->command) ||
        !parse_starts(body + used, starts))
        return false;
    if (!place_of(place, &state->place) || kind > EXIT_UNKNOWN ||
        broken >= LAUNCH_RESULT_COUNT || state->over > 256)
        return false;
    state->wanted_up = flags & AT_WANTED;
    state->stop_asked = flags & AT_STOP_ASKED;
    state->again = flags & AT_AGAIN;
    state->was_ready = flags & AT_READY;
    state->main_told = flags & AT_MAIN_TOLD;
    state->revive = flags & AT_REVIVE;
    ending->kind = (enum svc_exit_kind)kind;
    ending->broken = (enum launch_result)broken;
    ending->core = ended & END_CORE;
    ending->unborn = ended & END_UNBORN;
    ending->timed_out = ended & END_TIMED_OUT;
    ending->never_ready = ended & END_NEVER_READY;
    ending->out_of_memory = ended & END_NO_MEMORY;
    ending->out_of_tasks = ended & END_NO_TASKS;
    ending->out_of_disk = ended & END_NO_DISK;
    ending->step_failed = ended & END_STEP_FAILED;
    ending->skipped = ended & END_SKIPPED;
    ending->watchdog = ended & END_WATCHDOG;
    return true;
}

/* ---- replay ---- */

struct replay {
    struct map found;  /* name -> struct survivor */
    struct map groups; /* name -> struct saved_group */
    const char *boot_id;
    bool other_boot, no_memory, closing;
    pid_t coopd;
};

/* A survivor of that name; NULL: no memory. */
static struct survivor *entry_of(struct replay *r, const char *name)
{
    struct survivor *s = map_get(&r->found, name);

    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (s) {
        str_copy(s->name, sizeof s->name, name);
        s->life.pidfd = -1;
        s->state.place = AT_DOWN;
        if (map_put(&r->found, s->name, s) == 0)
            return s;
    }
    free(s);
    r->no_memory = true;
    return NULL;
}

/* What is asked for is told apart from what is there: it may be about to be there again. */
static void forget(struct replay *r, const char *name)
{
    struct survivor *s = map_get(&r->found, name);

    if (s && s->has_wish) {
        s->has_life = s->has_state = false;
        s->starts = (struct saved_starts){0};
        s->state = (struct saved_state){.place = AT_DOWN, .wanted_up = true};
    } else {
        free(map_remove(&r->found, name));
    }
}

/* Until something is known of it, it is about to be started. */
static bool replay_wish(struct replay *r, const char *body)
{
    struct wish wish = {0};
    struct survivor *s;

    if (sscanf(body, "wish %79s %u %u", wish.name, &wish.count, &wish.instead) != 3 ||
        wish.count > BOARD_MAX)
        return false;
    if (r->other_boot || !(s = entry_of(r, wish.name)))
        return true;
    s->state.wanted_up = s->state.wanted_up || !s->has_state;
    s->has_wish = true;
    s->wish = wish;
    return true;
}

static bool replay_unwish(struct replay *r, const char *name)
{
    struct survivor *s = map_get(&r->found, name);

    if (s && !s->has_life && !s->has_state)
        free(map_remove(&r->found, name));
    else if (s)
        s->has_wish = false;
    return true;
}

/* A launch: the line about where that leads may be missing behind it. */
static void begin_life(struct survivor *s, const struct saved_life *life)
{
    s->has_life = s->has_state = true;
    s->life = *life;
    s->state.kind = life->kind;
    s->state.command = life->command;
    s->state.main_told = false;
    if (life->kind == EXEC_STOP_POST) { /* what came before it is still to be judged */
        s->state.place = AT_STOP_POST;
        return;
    }
    s->state.place = life->kind == EXEC_START ? AT_START_MAIN : AT_START_PRE;
    s->state.wanted_up = true;
    s->state.stop_asked = s->state.again = s->state.was_ready = false;
    s->state.ending = (struct ending){0};
}

static bool replay_run(struct replay *r, const char *body)
{
    struct survivor run = {0}, *s;

    if (!parse_run(body, &run))
        return false;
    if (!r->other_boot && (s = entry_of(r, run.name)))
        begin_life(s, &run.life);
    return true;
}

/* Main is another process of the same life: nothing of it has been told yet. */
static bool replay_main(struct replay *r, const char *body)
{
    char name[SVC_NAME_MAX + 1];
    struct survivor *s;
    struct saved_life life;

    if (sscanf(body, "main %79s %d %" SCNu64 " %d", name, &life.main_pid, &life.main_ticks,
               &life.main_inside) != 4 ||
        life.main_pid <= 1 || life.main_inside < 1 || life.main_ticks == 0)
        return false;
    s = map_get(&r->found, name);
    if (!s || !s->has_life)
        return true;
    s->life.main_pid = life.main_pid;
    s->life.main_ticks = life.main_ticks;
    s->life.main_inside = life.main_inside;
    s->state.main_told = false;
    return true;
}

static bool replay_at(struct replay *r, const char *body)
{
    char name[SVC_NAME_MAX + 1];
    struct saved_state state = {0};
    struct saved_starts starts = {0};
    struct survivor *s;

    if (!parse_at(body, name, &state, &starts))
        return false;
    if (!r->other_boot && (s = entry_of(r, name))) {
        s->has_state = true;
        s->state = state;
        s->starts = starts;
    }
    return true;
}

static bool replay_group(struct replay *r, const char *body)
{
    struct saved_group group = {0}, *g;

    if (!parse_group(body, &group))
        return false;
    if (r->other_boot)
        return true;
    g = map_get(&r->groups, group.name);
    if (!g && (g = calloc(1, sizeof *g))) {
        *g = group;
        if (map_put(&r->groups, g->name, g) == 0)
            return true;
        free(g);
        g = NULL;
    }
    if (g)
        *g = group;
    else
        r->no_memory = true;
    return true;
}

static void replay_boot(struct replay *r, const char *boot_id, int pid)
{
    r->other_boot = r->boot_id[0] && strcmp(boot_id, r->boot_id) != 0;
    r->coopd = r->other_boot ? 0 : pid;
}

static bool replay_line(struct replay *r, const char *body)
{
    char word[128];
    int pid = 0;
    struct survivor *s;

    if (str_starts_with(body, "run "))
        return replay_run(r, body);
    if (str_starts_with(body, "main "))
        return replay_main(r, body);
    if (str_starts_with(body, "at "))
        return replay_at(r, body);
    if (str_starts_with(body, "group "))
        return replay_group(r, body);
    if (str_starts_with(body, "wish "))
        return replay_wish(r, body);
    if (sscanf(body, "unwish %79s", word) == 1)
        return replay_unwish(r, word);
    if (sscanf(body, "end %79s", word) == 1) {
        s = map_get(&r->found, word);
        if (s)
            s->has_life = false;
        return true;
    }
    if (sscanf(body, "gone %79s", word) == 1) {
        forget(r, word);
        return true;
    }
    if (strcmp(body, "closing") == 0) {
        r->closing = true;
        return true;
    }
    if (sscanf(body, "boot %39s %d", word, &pid) >= 1) {
        replay_boot(r, word, pid);
        return true;
    }
    return false;
}

/* How many lines are damaged. */
static ssize_t replay_all(struct replay *r, const char *text, size_t size)
{
    ssize_t damaged = 0;

    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size;
        char line[JOURNAL_LINE_MAX];
        const char *body = end ? check_line(line, text, len) : NULL;

        if (!body || !replay_line(r, body))
            damaged++;
        len += end ? 1 : 0;
        text += len;
        size -= len;
    }
    return damaged;
}

static void free_all(struct map *map)
{
    void *value;

    for (size_t i = 0; (value = map_next(map, &i)) != NULL;)
        free(value);
    map_done(map);
}

ssize_t journal_replay(const char *text, size_t size, const char *boot_id,
                       void (*fn)(void *arg, const struct survivor *survivor), void *arg,
                       pid_t *ret_coopd, bool *ret_closing)
{
    struct replay r = {.boot_id = boot_id};
    const struct survivor *s;
    ssize_t damaged = replay_all(&r, text, size);

    for (size_t i = 0; (s = map_next(&r.found, &i)) != NULL;) {
        if (!r.no_memory)
            fn(arg, s);
    }
    free_all(&r.found);
    free_all(&r.groups);
    if (r.no_memory)
        return -ENOMEM;
    *ret_coopd = r.coopd;
    *ret_closing = r.closing;
    return damaged;
}

ssize_t journal_replay_groups(const char *text, size_t size, const char *boot_id,
                              void (*fn)(void *arg, const struct saved_group *group), void *arg)
{
    struct replay r = {.boot_id = boot_id};
    const struct saved_group *group;
    ssize_t damaged = replay_all(&r, text, size);

    for (size_t i = 0; (group = map_next(&r.groups, &i)) != NULL;)
        if (!r.no_memory && !r.closing)
            fn(arg, group);
    free_all(&r.found);
    free_all(&r.groups);
    return r.no_memory ? -ENOMEM : damaged;
}
