#ifndef COOP_CONTROL_PLACES_H
#define COOP_CONTROL_PLACES_H

#include <stddef.h>
#include <sys/types.h>

/*
 * places.h - where coopd is met when nobody says otherwise
 *
 *     root               /run/coop/control.sock
 *     an ordinary user   $XDG_RUNTIME_DIR/coop/control.sock, else /run/user/UID/coop/...
 *
 * Pure: the caller tells who it is and what the environment says.
 */
#define CTL_PATH_MAX 4096

/* 0 or -ENAMETOOLONG. 'runtime_dir' is $XDG_RUNTIME_DIR, NULL or "" when unset. */
int ctl_default_socket(uid_t uid, const char *runtime_dir, char *ret_path, size_t size);

/* The FIFO beside a socket: control.fifo in the same directory. 0 or -ENAMETOOLONG. */
int ctl_fifo_path(const char *socket_path, char *ret_path, size_t size);

#endif
