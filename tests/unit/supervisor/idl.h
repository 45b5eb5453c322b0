#ifndef TESTS_SUPERVISOR_IDL_H
#define TESTS_SUPERVISOR_IDL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * idl.h - Varlink interface files, read and held against real messages
 *
 *     struct idl *idl = idl_parse(interface_io_coop_Supervisor, why);
 *     cr_assert(idl_check(idl, IDL_OUT, "List", parameters, why), "%s", why);
 *
 * A message fits when it has every member that may not be null, none that the file does not
 * name, and all of the right type.
 */
#define IDL_WHY 256

enum idl_part { IDL_IN, IDL_OUT, IDL_ERROR, IDL_TYPE };

struct idl;

/* NULL and 'why' when the text is no interface description. */
struct idl *idl_parse(const char *text, char why[IDL_WHY]);
void idl_free(struct idl *idl);

const char *idl_name(const struct idl *idl);

/* Does 'value' fit the parameters of a method, of its reply, or of an error, or a type? */
bool idl_check(const struct idl *idl, enum idl_part part, const char *name, const json_t *value,
               char why[IDL_WHY]);

/* The i-th name of that part (methods for IDL_IN and IDL_OUT), NULL behind the last. */
const char *idl_item(const struct idl *idl, enum idl_part part, size_t i);

/* The i-th member: "services" and its type as written, "?[]string". NULL behind the last. */
const char *idl_member(const struct idl *idl, enum idl_part part, const char *name, size_t i,
                       const char **ret_type);

#endif
