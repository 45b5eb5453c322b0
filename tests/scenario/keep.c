/*
 * keep.c - the runner's two kinds of memory
 *
 * What a script is made of lives to the end (keep); what grows and is read again and again
 * (output of programs) is a text that its owner frees.
 */
#include "scn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct kept *next;
    max_align_t memory[];
};

static struct kept *all;

static void out_of_memory(void)
{
    fputs("scenario: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

void *keep(size_t size)
{
    struct kept *k = calloc(1, sizeof *k + size);

    if (!k)
        out_of_memory();
    k->next = all;
    all = k;
    return k->memory;
}

char *keep_printf(const char *fmt, ...)
{
    va_list ap;
    char *made;

    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    made = keep((size_t)len + 1);
    va_start(ap, fmt);
    vsnprintf(made, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return made;
}

void keep_all_free(void)
{
    while (all) {
        struct kept *next = all->next;

        free(all);
        all = next;
    }
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    if (len > TEXT_MAX - t->len)
        len = TEXT_MAX - t->len;
    if (t->len + len + 1 > t->size) {
        size_t size = (t->len + len + 1) * 2;
        char *data = realloc(t->data, size);

        if (!data)
            out_of_memory();
        t->data = data;
        t->size = size;
    }
    memcpy(t->data + t->len, bytes, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_set(struct text *t, const char *fmt, ...)
{
    char piece[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    t->len = 0;
    text_add(t, piece, strlen(piece));
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

const char *text_str(const struct text *t)
{
    return t->data ? t->data : "";
}
