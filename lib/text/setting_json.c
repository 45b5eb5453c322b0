/*
 * setting_json.c - a spec as JSON (see setting_json.h)
 */
#include "text/setting_json.h"

#include "base/buf.h"

/* ---- helpers ---- */

static json_t *number_json(int64_t number)
{
    return number == INT64_MAX ? json_string("infinity") : json_integer(number);
}

static json_t *list_json(const struct strlist *list)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < list->count; i++) {
        if (json_array_append_new(array, json_string(list->items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *text_json(const struct setting *row, const void *spec)
{
    struct buf text = BUF_INIT((size_t)1 << 20);
    json_t *value = NULL;

    setting_render(row, spec, &text);
    if (!text.error)
        value = text.len ? json_stringn(text.data, text.len) : json_null();
    buf_done(&text);
    return value;
}

static json_t *row_json(const struct setting *row, const void *spec)
{
    const void *field = (const char *)spec + row->field;
    const struct setting_type *type = row->type;

    if (type == &setting_bool)
        return json_boolean(*(const bool *)field);
    if (type == &setting_int)
        return json_integer(*(const int *)field);
    if (type == &setting_int64 || type == &setting_bytes || type == &setting_duration)
        return number_json(*(const int64_t *)field);
    if (type == &setting_argv || type == &setting_words || type == &setting_lines ||
        type == &setting_env)
        return list_json(field);
    return text_json(row, spec);
}

/* ---- the public call ---- */

json_t *settings_json(const struct setting_table *table, const void *spec)
{
    json_t *object = json_object();

    settings_for_each (row, table) {
        if (object && json_object_set_new(object, row->key, row_json(row, spec)) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
