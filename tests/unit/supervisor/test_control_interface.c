/*
 * test_control_interface.c - what the code asks and answers is what the interface file says
 */
#include "idl.h"

#include "base/scope.h"
#include "control/interface.h"
#include "control/verbs.h"
#include "control/view_json.h"
#include "text/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct idl *supervisor_idl(void)
{
    char why[IDL_WHY] = "";
    struct idl *idl = idl_parse(interface_io_coop_Supervisor, why);

    cr_assert(idl, "%s", why);
    return idl;
}

Test(interface, both_files_can_be_read)
{
    char why[IDL_WHY] = "";
    struct idl *standard = idl_parse(interface_org_varlink_service, why);
    struct idl *ours = supervisor_idl();

    cr_assert(standard, "%s", why);
    cr_expect_str_eq(idl_name(standard), "org.varlink.service");
    cr_expect_str_eq(idl_name(ours), CTL_INTERFACE);
    idl_free(standard);
    idl_free(ours);
}

Test(interface, what_is_no_interface_is_refused)
{
    char why[IDL_WHY] = "";

    cr_expect_null(idl_parse("", why));
    cr_expect_null(idl_parse("interface", why));
    cr_expect_null(idl_parse("interface a.b method X( -> ()", why));
    cr_expect_null(idl_parse("interface a.b method X() ()", why));
    cr_expect_null(idl_parse("interface a.b nonsense", why));
}

Test(interface, the_embedded_text_is_the_committed_file)
{
    const char *path = SOURCE_DIR "/supervisor/control/io.coop.Supervisor.varlink";
    static char text[65536];
    FILE *file = fopen(path, "re");
    size_t size;

    cr_assert(file, "%s", path);
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    cr_expect_eq(size, strlen(interface_io_coop_Supervisor));
    cr_expect_str_eq(text, interface_io_coop_Supervisor);
}

Test(interface, every_verb_is_a_method_and_every_method_a_verb)
{
    struct idl *idl = supervisor_idl();
    const char *name;
    size_t count = 0;

    for (; (name = idl_item(idl, IDL_IN, count)); count++)
        cr_expect(ctl_verb_of_method(name), "method %s has no verb", name);
    cr_expect_eq(count, CTL_VERBS);
    idl_free(idl);
}

/* "services" of a verb that can do without is "?[]string" in the file. */
static bool same_type(const struct ctl_verb *verb, const struct ctl_param_row *row,
                      const char *type)
{
    bool needed = row->bit == CTL_P_SERVICE || row->bit == CTL_P_COUNT ||
                  (row->bit == CTL_P_SERVICES && verb->names == CTL_NAMES_SOME && !verb->all);

    return strcmp(type + (needed ? 0 : 1), row->type) == 0 && (needed || type[0] == '?');
}

Test(interface, every_verb_takes_the_parameters_of_its_method)
{
    struct idl *idl = supervisor_idl();

    for (size_t v = 0; v < CTL_VERBS; v++) {
        const struct ctl_verb *verb = &ctl_verbs[v];
        const char *member, *type;
        unsigned seen = 0;

        for (size_t i = 0; (member = idl_member(idl, IDL_IN, verb->method, i, &type)); i++) {
            size_t row = 0;

            while (row < ctl_param_count && strcmp(ctl_params[row].name, member) != 0)
                row++;
            cr_assert_lt(row, ctl_param_count, "%s.%s", verb->method, member);
            cr_expect(same_type(verb, &ctl_params[row], type), "%s.%s is %s", verb->method,
                      member, type);
            seen |= ctl_params[row].bit;
        }
        cr_expect_eq(seen, verb->params, "%s", verb->method);
    }
    idl_free(idl);
}

/* ---- the type Service, from every kind of view ---- */

static const struct svc_view plain = {.name = "web",
                                      .place = AT_UP,
                                      .wanted_up = true,
                                      .held_by = HELD_BY_PIDNS,
                                      .main_pid = 4711,
                                      .top_pid = 4710,
                                      .restarts = 2,
                                      .since = 90 * COOP_NSEC_PER_SEC,
                                      .since_wall = INT64_C(1795433025) * COOP_NSEC_PER_SEC,
                                      .up_since = 90 * COOP_NSEC_PER_SEC,
                                      .reason = "reported ready"};
#define NOW (100 * COOP_NSEC_PER_SEC + 1)

static void expect_service(const struct svc_view *view)
{
    struct idl *idl = supervisor_idl();
    SCOPED_JSON json_t *service =
        ctl_service_json(view, NOW, "a web server", "service", "web",
                         json_pack("[s]", "ListenStream=/run/web.sock"));
    char why[IDL_WHY] = "";

    cr_assert(service);
    cr_expect(idl_check(idl, IDL_TYPE, "Service", service, why), "%s", why);
    idl_free(idl);
}

Test(interface, a_service_at_every_place_fits_the_file)
{
    for (int place = 0; place < SVC_PLACE_COUNT; place++) {
        struct svc_view view = plain;

        view.place = (enum svc_place)place;
        expect_service(&view);
    }
}

Test(interface, every_holder_and_every_exit_fits_the_file)
{
    for (int i = 0; i < 5; i++) {
        struct svc_view view = plain;

        view.held_by = (uint8_t)i;
        view.exit_kind = (uint8_t)(i % 4);
        view.exit_value = 9;
        view.until = i % 2 ? NOW : 0;
        view.main_pid = view.top_pid = 0;
        expect_service(&view);
    }
}

Test(interface, a_service_with_texts_that_are_not_utf8_fits_the_file)
{
    struct svc_view view = plain;

    strcpy(view.reason, "bad \xff\xfe bytes \xc3");
    strcpy(view.status, "\x80");
    expect_service(&view);
}

static bool service_says(const struct svc_view *view, const char *member, const char *expected)
{
    SCOPED_JSON json_t *service = ctl_service_json(view, NOW, NULL, NULL, NULL, NULL);
    char *text = json_dumps(json_object_get(service, member), JSON_ENCODE_ANY | JSON_COMPACT);
    bool same = text && strcmp(text, expected) == 0;

    if (!same)
        cr_log_warn("%s is %s, not %s", member, text ? text : "missing", expected);
    free(text);
    return same;
}

Test(interface, the_members_that_scripts_rely_on_have_their_values)
{
    struct svc_view view = plain;

    cr_expect(service_says(&view, "name", "\"web\""));
    cr_expect(service_says(&view, "state", "\"up\""));
    cr_expect(service_says(&view, "substate", "\"main\""));
    cr_expect(service_says(&view, "wanted", "\"up\""));
    cr_expect(service_says(&view, "pid", "4711"));
    cr_expect(service_says(&view, "since", "\"2026-11-23T11:23:45.000Z\""));
    cr_expect(service_says(&view, "uptime_s", "10"));
    cr_expect(service_says(&view, "restarts", "2"));
    cr_expect(service_says(&view, "last_exit", "null"));
    cr_expect(service_says(&view, "result", "null"));
    cr_expect(service_says(&view, "waiting_for", "null"));
    cr_expect(service_says(&view, "reason", "\"reported ready\""));
    view.main_pid = 0;
    view.up_since = 0;
    view.exit_kind = EXIT_SIGNAL;
    view.exit_value = 9;
    strcpy(view.waiting_for, "db");
    cr_expect(service_says(&view, "pid", "null"));
    cr_expect(service_says(&view, "uptime_s", "0"));
    strcpy(view.result, "cpu-time");
    cr_expect(service_says(&view, "last_exit", "{\"signal\":\"SIGKILL\",\"core\":false}"));
    cr_expect(service_says(&view, "result", "\"cpu-time\""));
    cr_expect(service_says(&view, "waiting_for", "\"db\""));
    view.exit_kind = EXIT_CODE;
    cr_expect(service_says(&view, "last_exit", "{\"code\":9}"));
    view.exit_kind = EXIT_UNKNOWN;
    cr_expect(service_says(&view, "last_exit", "null"));
}
