/*
 * receipt_fields.c - a receipt's text as fields, or as the error that it tells of
 */
#include "launcher/library/library.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_AT_ONCE 4096
#define LOST_MAX     ((size_t)8192)

/* ---- one field ---- */

static int64_t number(const json_t *object, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : missing;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

/* "A, B" */
static char *join(const json_t *array)
{
    struct buf out = BUF_INIT(LOST_MAX);

    for (size_t i = 0; i < json_array_size(array); i++)
        buf_addf(&out, "%s%s", i ? ", " : "", json_string_value(json_array_get(array, i)));
    return buf_take(&out);
}

/* ---- both kinds ---- */

static int take_error(const json_t *receipt, struct coop_err *err)
{
    *err = (struct coop_err){.code = COOP_E_CHILD, .sys = (int)number(receipt, "errno", 0)};
#define X(code_of, word, hint_of)                                                              \
    if (strcmp(text(receipt, "error_code"), word) == 0)                                        \
        err->code = code_of;
#include "coop/err_codes.def"
#undef X
    str_copy(err->text, sizeof err->text, text(receipt, "error"));
    str_copy(err->hint, sizeof err->hint, text(receipt, "hint"));
    return -1;
}

static int take_fields(struct coop_sandbox_run *run, const json_t *receipt)
{
    const json_t *usage = json_object_get(receipt, "usage");
    const json_t *protection = json_object_get(receipt, "protection");

    run->lost = join(json_object_get(protection, "lost"));
    if (!run->lost)
        return -ENOMEM;
    str_copy(run->result, sizeof run->result, text(receipt, "result"));
    run->told = (struct coop_sandbox_receipt){
        .result = run->result,
        .killed = json_is_true(json_object_get(receipt, "killed")),
        .exit_code = (int)number(receipt, "exit_code", -1),
        .status = (int)number(receipt, "status", -1),
        .signal = (int)number(receipt, "signal", 0),
        .wall_time = number(usage, "wall_usec", 0) * COOP_NSEC_PER_USEC,
        .cpu_time = number(usage, "cpu_usec", 0) * COOP_NSEC_PER_USEC,
        .max_rss = number(usage, "max_rss_bytes", -1),
        .memory_peak = number(usage, "memory_peak_bytes", -1),
        .tasks_peak = number(usage, "tasks_peak", -1),
        .output = number(usage, "output_bytes", -1),
        .landlock_abi = (int)number(protection, "landlock_abi", 0),
        .lost = run->lost,
        .json = run->json,
    };
    return 0;
}

/* ---- the file ---- */

static char *read_all(int fd)
{
    struct buf bytes = BUF_INIT(JSON_BYTES_MAX + READ_AT_ONCE);
    ssize_t got = 0;

    while (buf_reserve(&bytes, READ_AT_ONCE) == 0 &&
           (got = pread(fd, bytes.data + bytes.len, READ_AT_ONCE, (off_t)bytes.len)) > 0)
        bytes.len += (size_t)got;
    if (got == 0)
        bytes.data[bytes.len] = '\0';
    if (got < 0)
        buf_done(&bytes);
    return got < 0 ? NULL : buf_take(&bytes);
}

int library_read_receipt(struct coop_sandbox_run *run, struct coop_err *err)
{
    SCOPED_JSON json_t *receipt = NULL;

    run->json = read_all(run->receipt);
    if (!run->json)
        return coop_fail_sys(err, ENOMEM, "the receipt");
    if (!run->json[0] && run->status > 128)
        return coop_fail(err, COOP_E_CHILD, "coop-run was killed by signal %d",
                         run->status - 128);
    if (!run->json[0])
        return coop_fail(err, COOP_E_CHILD, "coop-run ended without a receipt");
    if (json_parse_object(run->json, strlen(run->json), &receipt, err) < 0)
        return coop_while(err, "the receipt");
    if (strcmp(text(receipt, "result"), "setup-error") == 0)
        return take_error(receipt, err);
    return take_fields(run, receipt) < 0 ? coop_fail_sys(err, ENOMEM, "the receipt") : 0;
}
