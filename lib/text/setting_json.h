#ifndef COOP_TEXT_SETTING_JSON_H
#define COOP_TEXT_SETTING_JSON_H

#include <jansson.h>

#include "text/setting.h"

/*
 * setting_json.h - a spec as JSON, made from its rows
 *
 *     {"MemoryMax": 67108864, "Restart": "always", "ExecStart": ["sleep", "1"], "User": null}
 *
 * Keys are the INI keys.  Bool: true or false; numbers in base units (bytes, nanoseconds), or
 * "infinity"; lists: arrays; unset: null; everything else: its text.
 */

/* A new object, or NULL when out of memory. */
json_t *settings_json(const struct setting_table *table, const void *spec);

#endif
