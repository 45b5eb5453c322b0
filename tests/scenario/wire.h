#ifndef SCN_WIRE_H
#define SCN_WIRE_H

#include "scn.h"

/* wire.h - bytes on a control socket that no honest client would send */
struct wire_message {
    const char *text;
    size_t fill;  /* then so many 'x' */
    size_t depth; /* then so many '[' */
    bool no_end;  /* no NUL: the frame never ends */
    bool hang_up; /* close at once, without reading */
};

/* Can one connect? */
bool wire_reaches(const char *socket_path);

/* Sends and, unless it hangs up, collects the reply up to its NUL or the end of the stream.
 * The other side may close at any time: that is an answer too (an empty one). */
int wire_talk(struct scn *s, const char *socket_path, const struct wire_message *m,
              struct text *ret_reply, coop_nsec deadline);

/* Connects 'count' times, sends 'text' without an end on each, and holds the connections until
 * wire_release(). What cannot be connected is no error: *ret_held tells how many could. */
int wire_hold(struct scn *s, const char *socket_path, unsigned count, const char *text,
              unsigned *ret_held);
void wire_release(void);

#endif
