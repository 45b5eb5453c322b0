#ifndef COOP_CONFIG_SPECIFIER_H
#define COOP_CONFIG_SPECIFIER_H

#include "coop/err.h"

/*
 * specifier.h - systemd's % words in values
 *
 *     %n  full name (web@x.service)   %N  without the ending (web@x)
 *     %p  the part before the '@'     %P  ... unescaped, as systemd-escape -u does
 *     %i  the part behind it: ""      %I  ... unescaped
 *     %j  of %p what is behind the last '-'   %J  ... unescaped
 *     %f  "/" and the instance, or the name where there is none, unescaped
 *     %u  user name   %U  its id    %g %G  group            %h  home directory
 *     %H  host name   %t  runtime directory                 %%  a percent sign
 *
 * An unknown one is an error, never left as it is.
 */
struct specifiers {
    const char *service;
    const char *user; /* User= as written, or NULL: coopd's own */
};

/* A new string that the caller frees; NULL and an error on failure. */
char *specifiers_expand(const struct specifiers *about, const char *text, struct coop_err *err);

#endif
