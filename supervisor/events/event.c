/*
 * event.c - events as words
 */
#include "events/event.h"

#include <stdio.h>

#include "text/signames.h"

static const char *sentence(enum event_kind kind)
{
    static const char *const sentences[EVENT_KINDS] = {
#define X(id, text) [id] = text,
#include "events/events.def"
#undef X
    };

    return kind < EVENT_KINDS ? sentences[kind] : "";
}

static int exit_text(const struct event *event, char *buf, size_t size)
{
    char name[SIGNAME_TEXT];

    switch ((enum svc_exit_kind)event->exit_kind) {
    case EXIT_CODE:
        return snprintf(buf, size, "main process %d ended with code %d", event->pid,
                        event->exit_value);
    case EXIT_SIGNAL:
        return snprintf(buf, size, "main process %d ended by %s", event->pid,
                        signame_render(event->exit_value, name));
    case EXIT_NONE:
    case EXIT_UNKNOWN: break;
    }
    return snprintf(buf, size, "main process %d ended, nobody knows how", event->pid);
}

static int body_text(const struct event *event, char *buf, size_t size)
{
    switch (event->kind) {
    case EVENT_STATE:
        return snprintf(buf, size, "%s -> %s%s%s", svc_state_word(svc_place_state(event->from)),
                        svc_state_word(svc_place_state(event->to)),
                        svc_place_sub(event->to)[0] ? "/" : "", svc_place_sub(event->to));
    case EVENT_EXIT: return exit_text(event, buf, size);
    case EVENT_SPAWN: return snprintf(buf, size, "main process %d started", event->pid);
    case EVENT_ADOPTED:
        return snprintf(buf, size, "process %d of an earlier coopd goes on", event->pid);
    case EVENT_LOST:
    case EVENT_ADDED:
    case EVENT_REMOVED:
    case EVENT_CHANGED:
    case EVENT_RELOAD:
    case EVENT_SHUTDOWN:
    case EVENT_KINDS: break;
    }
    return snprintf(buf, size, "%s", sentence(event->kind));
}

size_t event_text(const struct event *event, char *buf, size_t size)
{
    char body[128];
    int length;

    body_text(event, body, sizeof body);
    length = snprintf(buf, size, "%s%s%s%s%s", event->service, event->service[0] ? ": " : "",
                      body, event->why[0] ? ": " : "", event->why);
    if (length < 0)
        return 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}
