#ifndef COOP_CONFIG_SERVICE_SETTINGS_H
#define COOP_CONFIG_SERVICE_SETTINGS_H

#include "text/setting.h"

/*
 * service_settings.h - the keys of a service, one row each
 *
 * The sections are systemd's: [Unit], [Service], [Install].  In an INI file's [Service NAME]
 * the keys of all three stand together.  Sandbox keys are the launcher's rows
 * (launch_settings).
 */
extern const struct setting_table service_settings;

/* The type of the rows that name commands: struct exec_list. */
extern const struct setting_type setting_exec;

/* A key of systemd's that has no row here. */
enum unit_key_kind {
    UNIT_KEY_UNKNOWN,  /* not systemd's either                                     */
    UNIT_KEY_HARMLESS, /* says nothing that coop would do otherwise: accepted       */
    UNIT_KEY_MISSING,  /* means something that coop cannot do yet: refused          */
    UNIT_KEY_CHECKED   /* accepted for some values: unit_key_accepts()              */
};
enum unit_key_kind unit_key_kind(const char *section, const char *key);
/* For UNIT_KEY_CHECKED: is this value what coop does anyway? */
bool unit_key_accepts(const char *key, const char *value);

/* The key under the name that it has today; itself when it was never renamed. */
const char *unit_key_name(const char *key);

#endif
