#ifndef COOP_CONTROL_H
#define COOP_CONTROL_H

#include "coop/err.h"
#include "coop/time.h"

/*
 * control.h - the door of the control room, as coopd opens and closes it
 *
 *     struct control *control = NULL;
 *     if (control_start(&control, daemon, "/run/coop/control.sock", &err) < 0) ...
 *     ...
 *     control_stop(control);
 *
 * The caller holds the lock of the socket (`<socket>.lock`), so a socket file found there is
 * stale and control_start replaces it.  The FIFO `control.fifo` is made beside it.
 *
 * Threads   All in a coroutine. control_stop waits until no session is left (each is given a
 *           moment to take its last reply), removes socket and FIFO, and accepts NULL.
 */

struct control;
struct json_t;
struct daemon;

/* 'kept' is what the program before in this process has recorded; NULL: there was none. */
int control_start(struct control **ret_control, struct daemon *daemon, const char *socket_path,
                  const struct json_t *kept, struct coop_err *err);
/* Makes socket and FIFO anew at their paths, where somebody may have removed them.  Clients that
 * are connected stay.  Does not wait; the log says what came of it. */
void control_reopen(struct control *control);

/*
 * A re-execution.  control_pause() returns when nobody in the room does anything any more: what
 * clients send waits in their sockets, and calls that are not answered yet stay as they are.  It
 * is refused (-ETIMEDOUT, and all goes on) when somebody is busy beyond the deadline.  Then, when
 * the services have answered all that they will, control_record(); or control_resume().
 */
int control_pause(struct control *control, coop_nsec deadline);
struct json_t *control_record(struct control *control);
void control_resume(struct control *control);

void control_stop(struct control *control);

#endif
