/*
 * What may stand behind ListenStream= and its sisters, and what is made of it; a socket's rows.
 */
#include "config/address.h"
#include "config/socket_spec.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* NULL: refused; a port alone is of IPv6, and its family is left to the machine. */
static const struct {
    enum listen_kind kind;
    const char *text, *host;
    int family;
    unsigned port;
    const char *scope;
} addresses[] = {
    {LISTEN_STREAM, "80", "::", 0, 80, ""},
    {LISTEN_STREAM, "65535", "::", 0, 65535, ""},
    {LISTEN_DATAGRAM, "514", "::", 0, 514, ""},
    {LISTEN_STREAM, "127.0.0.1:8080", "127.0.0.1", AF_INET, 8080, ""},
    {LISTEN_STREAM, "0.0.0.0:1", "0.0.0.0", AF_INET, 1, ""},
    {LISTEN_STREAM, "[::1]:8080", "::1", AF_INET6, 8080, ""},
    {LISTEN_STREAM, "[::]:80", "::", AF_INET6, 80, ""},
    {LISTEN_DATAGRAM, "[fe80::1%eth0]:53", "fe80::1", AF_INET6, 53, "eth0"},
    {LISTEN_STREAM, "/run/x", "/run/x", AF_UNIX, 0, ""},
    {LISTEN_SEQPACKET, "/run/x", "/run/x", AF_UNIX, 0, ""},
    {LISTEN_DATAGRAM, "@x", "@x", AF_UNIX, 0, ""},
    {LISTEN_FIFO, "/run/x", NULL, 0, 0, ""},
};

static const struct {
    enum listen_kind kind;
    const char *text;
} refused[] = {
    {LISTEN_STREAM, "0"},
    {LISTEN_STREAM, "65536"},
    {LISTEN_STREAM, "-1"},
    {LISTEN_STREAM, "+80"},
    {LISTEN_STREAM, " 80"},
    {LISTEN_STREAM, "80 "},
    {LISTEN_STREAM, "http"},
    {LISTEN_STREAM, "/"},
    {LISTEN_STREAM, "@"},
    {LISTEN_STREAM, "relative/path"},
    {LISTEN_STREAM, ":80"},
    {LISTEN_STREAM, "1.2.3:80"},
    {LISTEN_STREAM, "1.2.3.4.5:80"},
    {LISTEN_STREAM, "256.0.0.1:80"},
    {LISTEN_STREAM, "127.0.0.1:"},
    {LISTEN_STREAM, "127.0.0.1:0"},
    {LISTEN_STREAM, "127.0.0.1:+1"},
    {LISTEN_STREAM, "localhost:80"},
    {LISTEN_STREAM, "::1"},
    {LISTEN_STREAM, "[::1]"},
    {LISTEN_STREAM, "[::1]80"},
    {LISTEN_STREAM, "[::1"},
    {LISTEN_STREAM, "[]:80"},
    {LISTEN_STREAM, "[127.0.0.1]:80"},
    {LISTEN_STREAM, "[fe80::1%]:80"},
    {LISTEN_STREAM, "[fe80::1%name-that-is-too-long]:80"},
    {LISTEN_STREAM, "vsock:2:80"},
    {LISTEN_SEQPACKET, "80"},
    {LISTEN_SEQPACKET, "127.0.0.1:80"},
    {LISTEN_FIFO, "@x"},
    {LISTEN_FIFO, "80"},
    {LISTEN_FIFO, "run/x"},
};

static const char *host_of(const struct listen_address *address, char *text, size_t size)
{
    const struct sockaddr *at = (const struct sockaddr *)&address->at;

    if (at->sa_family == AF_UNIX) {
        struct sockaddr_un un;

        memcpy(&un, &address->at, sizeof un);
        if (!un.sun_path[0])
            un.sun_path[0] = '@';
        snprintf(text, size, "%s", un.sun_path);
        return text;
    }
    if (at->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, &address->at, sizeof in);
        cr_expect_eq(ntohs(in.sin_port), address->port);
        return inet_ntop(AF_INET, &in.sin_addr, text, (socklen_t)size);
    }
    struct sockaddr_in6 in6;

    memcpy(&in6, &address->at, sizeof in6);
    cr_expect_eq(ntohs(in6.sin6_port), address->port);
    return inet_ntop(AF_INET6, &in6.sin6_addr, text, (socklen_t)size);
}

Test(address, each_form_is_understood)
{
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct listen_address address;
        struct coop_err err = {0};
        char text[128];

        cr_assert_eq(listen_address_parse(addresses[i].kind, addresses[i].text, &address, &err),
                     0, "%s: %s", addresses[i].text, err.text);
        cr_expect_str_eq(address.text, addresses[i].text);
        cr_expect_eq(address.family, addresses[i].family, "%s", addresses[i].text);
        cr_expect_eq(address.port, addresses[i].port, "%s", addresses[i].text);
        cr_expect_str_eq(address.scope, addresses[i].scope);
        if (addresses[i].host)
            cr_expect_str_eq(host_of(&address, text, sizeof text), addresses[i].host);
    }
}

Test(address, what_is_none_is_refused_and_nothing_is_touched)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct listen_address address = {.port = 4711};
        struct coop_err err = {0};

        cr_expect_eq(listen_address_parse(refused[i].kind, refused[i].text, &address, &err), -1,
                     "%s", refused[i].text);
        cr_expect_neq(err.code, COOP_OK);
        cr_expect_eq(address.port, 4711u);
    }
}

Test(address, the_longest_name_fits_and_one_more_byte_does_not)
{
    char text[300];
    struct listen_address address;
    struct coop_err err = {0};
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[most] = '\0';
    cr_expect_eq(listen_address_parse(LISTEN_STREAM, text, &address, &err), 0);
    cr_expect_eq(address.len, sizeof(struct sockaddr_un));
    text[most] = 'x';
    text[most + 1] = '\0';
    cr_expect_eq(listen_address_parse(LISTEN_STREAM, text, &address, &err), -1);
    cr_expect(strstr(err.text, "at most 107 bytes"), "%s", err.text);
    text[most + 1] = 'x';
    text[LISTEN_TEXT_MAX] = '\0';
    cr_expect_eq(listen_address_parse(LISTEN_FIFO, text, &address, &err), 0);
    text[LISTEN_TEXT_MAX] = 'x';
    text[LISTEN_TEXT_MAX + 1] = '\0';
    cr_expect_eq(listen_address_parse(LISTEN_FIFO, text, &address, &err), -1);
}

Test(address, an_abstract_name_has_no_byte_too_many)
{
    struct listen_address address;
    struct coop_err err = {0};

    cr_assert_eq(listen_address_parse(LISTEN_STREAM, "@ab", &address, &err), 0);
    cr_expect_eq(address.len, offsetof(struct sockaddr_un, sun_path) + 3);
    cr_expect_null(listen_path(&address));
}

Test(address, the_rows_of_a_socket_are_sound)
{
    struct socket_spec spec = {0};
    struct coop_err err = {0};

    cr_expect_eq(settings_selftest(&socket_settings, &spec, &err), 0, "%s", err.text);
    settings_done(&socket_settings, &spec);
}
