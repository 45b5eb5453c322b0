/*
 * profile.c - seccomp profiles of containers, read and compiled (see profile.h)
 */
#include "launcher/filter/profile.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/caps_text.h"
#include "launcher/filter/list.h"
#include "launcher/filter/word.h"
#include "text/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS 6

struct reader {
    struct filter_policy *policy;
    struct filter_profile_host host;
    uint32_t fallback; /* defaultAction */
    bool conditional;  /* which rules this walk takes: those with args, or those without */
    struct coop_err *err;
};

/* ---- reading JSON ---- */

static int expect(const struct reader *r, const char *key, const char *what)
{
    return coop_fail(r->err, COOP_E_SYNTAX, "'%s': expected %s", key, what);
}

/* The text of 'key'; NULL when it is not there. -1 for another kind of value. */
static int take_text(const struct reader *r, const json_t *object, const char *key,
                     const char **ret_text)
{
    const json_t *value = json_object_get(object, key);

    *ret_text = json_string_value(value);
    return value && !json_is_null(value) && !*ret_text ? expect(r, key, "a text") : 0;
}

static int take_number(const struct reader *r, const json_t *object, const char *key,
                       uint64_t *ret_number)
{
    const json_t *value = json_object_get(object, key);

    *ret_number = (uint64_t)json_integer_value(value);
    return value && !json_is_null(value) && !json_is_integer(value)
               ? expect(r, key, "a whole number")
               : 0;
}

/* The array of 'key'; NULL when it is not there. */
static int take_array(const struct reader *r, const json_t *object, const char *key,
                      const json_t **ret_array)
{
    const json_t *value = json_object_get(object, key);

    *ret_array = json_is_array(value) ? value : NULL;
    return value && !json_is_null(value) && !*ret_array ? expect(r, key, "a list") : 0;
}

static int check_keys(const struct reader *r, json_t *object, const char *const *known,
                      const char *where)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return expect(r, where, "an object");
    json_object_foreach(object, key, value)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return coop_fail(r->err, COOP_E_UNKNOWN, "%s: '%s' is no key that is known here",
                             where, key);
    }
    return 0;
}

/* ---- actions ---- */

static const struct {
    const char *name;
    uint32_t answer;
} actions[] = {
    {"SCMP_ACT_ALLOW", FILTER_ALLOW},       {"SCMP_ACT_LOG", FILTER_LOG},
    {"SCMP_ACT_TRAP", FILTER_TRAP},         {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", FILTER_KILL},         {"SCMP_ACT_KILL_THREAD", FILTER_KILL},
    {"SCMP_ACT_KILL_PROCESS", FILTER_KILL},
};

/* 'number' (errnoRet) or Podman's 'name' of it; EPERM without either. */
static int take_errno(const struct reader *r, const json_t *object, const char *number,
                      const char *name, uint32_t *answer)
{
    const char *text;
    uint64_t code;

    if (take_number(r, object, number, &code) < 0 || take_text(r, object, name, &text) < 0)
        return -1;
    if (code > 4095 || (text && text[0] &&
                        (filter_answer_parse(text, answer) < 0 ||
                         (*answer & ~SECCOMP_RET_DATA) != SECCOMP_RET_ERRNO)))
        return expect(r, text ? name : number, "an errno");
    if (!text || !text[0])
        *answer = FILTER_ERRNO(json_object_get(object, number) ? code : EPERM);
    return 0;
}

static int take_action(const struct reader *r, const json_t *object, const char *key,
                       const char *number, const char *name, uint32_t *ret_answer)
{
    const char *text;

    if (take_text(r, object, key, &text) < 0)
        return -1;
    if (!text)
        return expect(r, key, "an action like SCMP_ACT_ERRNO");
    for (size_t i = 0; i < COOP_COUNT(actions); i++) {
        if (strcmp(actions[i].name, text) != 0)
            continue;
        *ret_answer = actions[i].answer;
        return *ret_answer == SECCOMP_RET_ERRNO
                   ? take_errno(r, object, number, name, ret_answer)
                   : 0;
    }
    return coop_fail(r->err, COOP_E_MISSING, "'%s': '%s' is not supported", key, text);
}

/* ---- arguments ---- */

static const struct {
    const char *name;
    enum filter_op op;
} comparisons[] = {
    {"SCMP_CMP_NE", FILTER_NE},        {"SCMP_CMP_LT", FILTER_LT}, {"SCMP_CMP_LE", FILTER_LE},
    {"SCMP_CMP_EQ", FILTER_EQ},        {"SCMP_CMP_GE", FILTER_GE}, {"SCMP_CMP_GT", FILTER_GT},
    {"SCMP_CMP_MASKED_EQ", FILTER_EQ},
};

static int take_test(const struct reader *r, json_t *arg, struct filter_test *ret_test)
{
    static const char *const known[] = {"index", "value", "valueTwo", "op", NULL};
    struct filter_test test = {.mask = UINT64_MAX};
    uint64_t index, second;
    const char *op;
    size_t i = 0;

    if (check_keys(r, arg, known, "args") < 0 || take_number(r, arg, "index", &index) < 0 ||
        take_number(r, arg, "value", &test.value) < 0 ||
        take_number(r, arg, "valueTwo", &second) < 0 || take_text(r, arg, "op", &op) < 0)
        return -1;
    if (index >= ARGUMENTS)
        return expect(r, "index", "a number from 0 to 5");
    while (i < COOP_COUNT(comparisons) && (!op || strcmp(comparisons[i].name, op) != 0))
        i++;
    if (i == COOP_COUNT(comparisons))
        return expect(r, "op", "a comparison like SCMP_CMP_EQ");
    test.argument = (uint8_t)index;
    test.op = (uint8_t)comparisons[i].op;
    if (strcmp(op, "SCMP_CMP_MASKED_EQ") == 0) {
        test.mask = test.value;
        test.value = second;
    }
    *ret_test = test;
    return 0;
}

struct tests {
    struct filter_test items[FILTER_CLAUSE_TESTS];
    size_t count;
    bool any; /* one is enough: an index is there twice */
};

static int take_tests(const struct reader *r, const json_t *args, struct tests *tests)
{
    unsigned seen = 0;
    size_t i;
    json_t *arg;

    json_array_foreach(args, i, arg)
    {
        struct filter_test *test = &tests->items[i];

        if (i == FILTER_CLAUSE_TESTS)
            return coop_fail(r->err, COOP_E_LIMIT, "a rule with more than %d args",
                             FILTER_CLAUSE_TESTS);
        if (take_test(r, arg, test) < 0)
            return -1;
        tests->any = tests->any || seen & 1u << test->argument;
        seen |= 1u << test->argument;
        tests->count++;
    }
    return 0;
}

/* ---- conditions ---- */

static bool is_this_machine(const char *name)
{
#if defined(__x86_64__)
    return strcmp(name, "amd64") == 0;
#else
    return strcmp(name, "arm64") == 0;
#endif
}

static bool has_cap(const struct reader *r, const char *name)
{
    uint64_t cap;

    return caps_parse(name, &cap, NULL) == 0 && (r->host.caps & cap) == cap;
}

/* "4.8": at least. */
static int is_new_enough(const struct reader *r, const char *text, bool *ret_new)
{
    long long major, minor;
    char first[16];
    size_t dot = strcspn(text, ".");

    if (!text[dot] || str_format(first, sizeof first, "%.*s", (int)dot, text) < 0 ||
        str_to_int(first, 0, 255, &major) < 0 || str_to_int(text + dot + 1, 0, 255, &minor) < 0)
        return expect(r, "minKernel", "a version like 4.8");
    *ret_new = !r->host.kernel || r->host.kernel >= (uint32_t)(major << 8 | minor);
    return 0;
}

typedef bool match_fn(const struct reader *r, const char *name);

static bool matches_arch(const struct reader *r, const char *name)
{
    (void)r;
    return is_this_machine(name);
}

/* How many of a list of names match, and how many there are. */
static int count_matches(const struct reader *r, const json_t *object, const char *key,
                         match_fn *matches, size_t *ret_hits, size_t *ret_all)
{
    const json_t *array;
    size_t i;
    json_t *item;

    *ret_hits = 0;
    if (take_array(r, object, key, &array) < 0)
        return -1;
    *ret_all = json_array_size(array);
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return expect(r, key, "a list of names");
        *ret_hits += matches(r, json_string_value(item));
    }
    return 0;
}

/* includes: all caps, one of the arches, and the kernel.  excludes: one of any keeps it out. */
static int applies(const struct reader *r, const json_t *rule, bool *ret_applies)
{
    static const char *const known[] = {"caps", "arches", "minKernel", NULL};
    static const char *const sides[] = {"includes", "excludes"};

    *ret_applies = true;
    for (size_t side = 0; side < 2; side++) {
        json_t *object = json_object_get(rule, sides[side]);
        size_t caps, all_caps, arches, all_arches;
        const char *kernel;
        bool is_new = true;

        if (!object || json_is_null(object))
            continue;
        if (check_keys(r, object, known, sides[side]) < 0 ||
            count_matches(r, object, "caps", has_cap, &caps, &all_caps) < 0 ||
            count_matches(r, object, "arches", matches_arch, &arches, &all_arches) < 0 ||
            take_text(r, object, "minKernel", &kernel) < 0 ||
            (kernel && kernel[0] && is_new_enough(r, kernel, &is_new) < 0))
            return -1;
        if (side == 0 ? caps < all_caps || (all_arches && !arches) || !is_new
                      : caps || arches || (kernel && kernel[0] && is_new))
            *ret_applies = false;
    }
    return 0;
}

/* ---- rules ---- */

static int apply_to(const struct reader *r, const char *name, const struct tests *tests,
                    uint32_t answer)
{
    const struct filter_call *call = filter_call_find(name);

    if (!call)
        return 0; /* of another machine, or of a kernel newer than we are: absent */
    if (tests->count == 0) {
        filter_policy_answer_call(r->policy, call, answer);
        return 0;
    }
    for (size_t i = 0; tests->any && i < tests->count; i++)
        if (filter_policy_clause_call(r->policy, call, &tests->items[i], 1, answer, r->err) < 0)
            return coop_while(r->err, "'%s'", name);
    if (!tests->any && filter_policy_clause_call(r->policy, call, tests->items, tests->count,
                                                 answer, r->err) < 0)
        return coop_while(r->err, "'%s'", name);
    return 0;
}

static int apply_names(const struct reader *r, const json_t *rule, const struct tests *tests,
                       uint32_t answer)
{
    const json_t *names;
    const char *name;
    size_t i;
    json_t *item;

    if (take_array(r, rule, "names", &names) < 0 || take_text(r, rule, "name", &name) < 0)
        return -1;
    if (name && name[0] && apply_to(r, name, tests, answer) < 0)
        return -1;
    json_array_foreach(names, i, item)
    {
        if (!json_is_string(item))
            return expect(r, "names", "a list of names");
        if (apply_to(r, json_string_value(item), tests, answer) < 0)
            return -1;
    }
    return 0;
}

static int apply_rule(const struct reader *r, json_t *rule)
{
    static const char *const known[] = {"names",   "name",     "action",   "args",  "errnoRet",
                                        "comment", "includes", "excludes", "errno", NULL};
    SCOPED_FREE struct tests *tests = calloc(1, sizeof *tests);
    const json_t *args;
    uint32_t answer = 0;
    bool wanted;

    if (!tests)
        return coop_fail_sys(r->err, ENOMEM, "reading a profile");
    if (check_keys(r, rule, known, "syscalls") < 0 ||
        take_action(r, rule, "action", "errnoRet", "errno", &answer) < 0 ||
        take_array(r, rule, "args", &args) < 0 || take_tests(r, args, tests) < 0 ||
        applies(r, rule, &wanted) < 0)
        return -1;
    if (!wanted || answer == r->fallback || (tests->count > 0) != r->conditional)
        return 0;
    return apply_names(r, rule, tests, answer);
}

static int apply_rules(struct reader *r, const json_t *profile)
{
    const json_t *rules;
    size_t i;
    json_t *rule;

    if (take_array(r, profile, "syscalls", &rules) < 0)
        return -1;
    for (int walk = 0; walk < 2; walk++) {
        r->conditional = walk == 0; /* those without args last: they win */
        json_array_foreach(rules, i, rule)
        {
            if (apply_rule(r, rule) < 0)
                return coop_while(r->err, "rule %zu", i + 1);
        }
    }
    return 0;
}

/* ---- architectures and flags ---- */

static const struct {
    const char *name;
    enum filter_abi abi;
} architectures[] = {
#if defined(__x86_64__)
    {"SCMP_ARCH_X86_64", FILTER_NATIVE},
    {"SCMP_ARCH_X86", FILTER_X86},
    {"SCMP_ARCH_X32", FILTER_X32},
#else
    {"SCMP_ARCH_AARCH64", FILTER_NATIVE},
    {"SCMP_ARCH_ARM", FILTER_ARM},
#endif
};

static int add_architectures(const struct reader *r, const json_t *object, const char *key)
{
    const json_t *names;
    size_t i;
    json_t *item;

    if (take_array(r, object, key, &names) < 0)
        return -1;
    json_array_foreach(names, i, item)
    {
        if (!json_is_string(item))
            return expect(r, key, "a list of names");
        for (size_t a = 0; a < COOP_COUNT(architectures); a++)
            if (strcmp(architectures[a].name, json_string_value(item)) == 0)
                r->policy->abis |= 1u << architectures[a].abi;
    }
    return 0;
}

static int apply_architectures(const struct reader *r, const json_t *profile)
{
    static const char *const known[] = {"architecture", "subArchitectures", NULL};
    const json_t *map;
    size_t i;
    json_t *item;

    r->policy->abis = 1u << FILTER_NATIVE;
    if (add_architectures(r, profile, "architectures") < 0 ||
        take_array(r, profile, "archMap", &map) < 0)
        return -1;
    json_array_foreach(map, i, item)
    {
        const char *name;

        if (check_keys(r, item, known, "archMap") < 0 ||
            take_text(r, item, "architecture", &name) < 0)
            return -1;
        if (name && strcmp(name, architectures[0].name) == 0 &&
            add_architectures(r, item, "subArchitectures") < 0)
            return -1;
    }
    return 0;
}

static int take_flags(const struct reader *r, const json_t *profile, uint32_t *ret_flags)
{
    const json_t *flags;
    size_t i;
    json_t *item;

    *ret_flags = 0;
    if (take_array(r, profile, "flags", &flags) < 0)
        return -1;
    json_array_foreach(flags, i, item)
    {
        const char *name = json_string_value(item);

        if (name && strcmp(name, "SECCOMP_FILTER_FLAG_LOG") == 0)
            *ret_flags |= SECCOMP_FILTER_FLAG_LOG;
        else if (!name || (strcmp(name, "SECCOMP_FILTER_FLAG_TSYNC") != 0 &&
                           strcmp(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW") != 0))
            return coop_fail(r->err, COOP_E_MISSING, "'flags': '%s' is not supported",
                             name ? name : "?");
    }
    return 0;
}

/* ---- the public call ---- */

static int read_profile(struct reader *r, json_t *profile, uint32_t *ret_flags)
{
    static const char *const known[] = {"defaultAction",
                                        "defaultErrnoRet",
                                        "defaultErrno",
                                        "architectures",
                                        "archMap",
                                        "flags",
                                        "syscalls",
                                        "comment",
                                        "listenerPath",
                                        "listenerMetadata",
                                        NULL};

    if (check_keys(r, profile, known, "profile") < 0 ||
        take_action(r, profile, "defaultAction", "defaultErrnoRet", "defaultErrno",
                    &r->fallback) < 0)
        return -1;
    filter_policy_init(r->policy, r->fallback, FILTER_ABSENT);
    if (apply_rules(r, profile) < 0 || apply_architectures(r, profile) < 0 ||
        take_flags(r, profile, ret_flags) < 0)
        return -1;
    filter_close_doors(r->policy);
    return 0;
}

int filter_profile_compile(const char *text, size_t len, const struct filter_profile_host *host,
                           struct sock_filter **ret_code, size_t *ret_count,
                           uint32_t *ret_flags, struct coop_err *err)
{
    SCOPED_FREE struct filter_policy *policy = calloc(1, sizeof *policy);
    SCOPED_JSON json_t *profile = NULL;
    struct reader r = {.policy = policy, .host = *host, .err = err};
    int result;

    if (!policy)
        return coop_fail_sys(err, ENOMEM, "reading a profile");
    if (json_parse_object(text, len, &profile, err) < 0)
        return -1;
    result = read_profile(&r, profile, ret_flags);
    if (result >= 0)
        result = filter_policy_emit(policy, ret_code, ret_count, err);
    filter_policy_done(policy);
    return result;
}
