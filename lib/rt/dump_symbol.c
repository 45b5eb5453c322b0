/*
 * dump_symbol.c - which function an address is in
 *
 * /proc/self/maps says which file is mapped there and from which offset; that file's program
 * headers turn the offset into the address it was linked at, and its symbol table (.symtab, or
 * .dynsym when it was stripped) has the function.  Read in pieces by pread, since nothing may be
 * allocated; a megabyte of symbols takes about a millisecond, so answers are for people.
 */
#include "rt/dump_symbol.h"

#include "coop/debug.h"
#include "rt/dump_text.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- which file ---- */

struct mapping {
    uint64_t low, high, offset;
    char path[256];
};

static uint64_t hex(const char **at)
{
    uint64_t n = 0;

    for (;; (*at)++) {
        char c = **at;

        if (c >= '0' && c <= '9')
            n = n * 16 + (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            n = n * 16 + (uint64_t)(c - 'a' + 10);
        else
            return n;
    }
}

/* "low-high perms offset dev inode   /path": true when the address is in it. */
static bool parse(const char *line, uint64_t address, struct mapping *ret)
{
    const char *at = line, *path;

    ret->low = hex(&at);
    if (*at++ != '-')
        return false;
    ret->high = hex(&at);
    if (address < ret->low || address >= ret->high || strlen(at) < 6)
        return false;
    at += 6; /* " r-xp " */
    ret->offset = hex(&at);
    path = strchr(at, '/');
    if (!path)
        return false;
    memset(ret->path, 0, sizeof ret->path);
    memcpy(ret->path, path, strnlen(path, sizeof ret->path - 1));
    return true;
}

static bool find_mapping(uint64_t address, struct mapping *ret)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char line[400], block[512];
    size_t len = 0;
    bool found = false;
    ssize_t n;

    if (fd < 0)
        return false;
    while (!found && (n = read(fd, block, sizeof block)) > 0) {
        for (ssize_t i = 0; i < n && !found; i++) {
            if (block[i] != '\n') {
                if (len + 1 < sizeof line)
                    line[len++] = block[i];
                continue;
            }
            line[len] = '\0';
            len = 0;
            found = parse(line, address, ret);
        }
    }
    close(fd);
    return found;
}

/* ---- which function ---- */

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
    return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* From an offset in the file to the address that it was linked at. */
static bool linked_at(int fd, const ElfW(Ehdr) * head, uint64_t offset, uint64_t *ret)
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        ElfW(Phdr) part;

        if (!read_at(fd, &part, sizeof part, head->e_phoff + i * (uint64_t)sizeof part))
            return false;
        if (part.p_type == PT_LOAD && offset >= part.p_offset &&
            offset < part.p_offset + part.p_filesz) {
            *ret = offset - part.p_offset + part.p_vaddr;
            return true;
        }
    }
    return false;
}

/* The symbol table's section, or the dynamic one's. */
static bool find_table(int fd, const ElfW(Ehdr) * head, ElfW(Shdr) * ret)
{
    bool found = false;

    for (unsigned i = 0; i < head->e_shnum; i++) {
        ElfW(Shdr) section;

        if (!read_at(fd, &section, sizeof section,
                     head->e_shoff + i * (uint64_t)sizeof section))
            return found;
        if (section.sh_type != SHT_SYMTAB && (section.sh_type != SHT_DYNSYM || found))
            continue;
        *ret = section;
        found = true;
        if (section.sh_type == SHT_SYMTAB)
            break;
    }
    return found;
}

static void search(int fd, const ElfW(Ehdr) * head, uint64_t address, struct symbol *ret)
{
    ElfW(Sym) some[64], best = {0};
    ElfW(Shdr) table, names;
    size_t count;

    if (!find_table(fd, head, &table) ||
        !read_at(fd, &names, sizeof names, head->e_shoff + table.sh_link * sizeof names))
        return;
    count = table.sh_size / sizeof *some;
    for (size_t i = 0; i < count; i += 64) {
        size_t n = count - i < 64 ? count - i : 64;

        if (!read_at(fd, some, n * sizeof *some, table.sh_offset + i * sizeof *some))
            return;
        for (size_t k = 0; k < n; k++)
            if (ELF64_ST_TYPE(some[k].st_info) == STT_FUNC && some[k].st_value <= address &&
                address < some[k].st_value + (some[k].st_size ? some[k].st_size : 1))
                best = some[k];
    }
    if (!best.st_name)
        return;
    ret->offset = address - best.st_value;
    if (pread(fd, ret->name, sizeof ret->name - 1, (off_t)(names.sh_offset + best.st_name)) <=
        0)
        ret->name[0] = '\0';
}

bool coop__symbol(struct symbol *ret_symbol, const void *code)
{
    uint64_t address = (uintptr_t)code;
    const char *base;
    struct mapping in;
    ElfW(Ehdr) head;
    int fd;

    memset(ret_symbol, 0, sizeof *ret_symbol);
    if (!address || !find_mapping(address, &in))
        return false;
    base = strrchr(in.path, '/') + 1;
    memcpy(ret_symbol->file, base, strnlen(base, sizeof ret_symbol->file - 1));
    ret_symbol->file_offset = address - in.low + in.offset;
    fd = open(in.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    if (read_at(fd, &head, sizeof head, 0) && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
        head.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
        linked_at(fd, &head, ret_symbol->file_offset, &ret_symbol->file_offset))
        search(fd, &head, ret_symbol->file_offset, ret_symbol);
    close(fd);
    ret_symbol->name[sizeof ret_symbol->name - 1] = '\0';
    return true;
}

void coop__say_place(struct report *r, const void *code)
{
    struct symbol s;

    if (!code)
        coop__say(r, "?");
    else if (!coop__symbol(&s, code))
        coop__say(r, "%p", code);
    else if (s.name[0])
        coop__say(r, "%s+0x%lx (%s+0x%lx)", s.name, s.offset, s.file, s.file_offset);
    else
        coop__say(r, "%s+0x%lx", s.file, s.file_offset);
}

void coop_place(const void *code, char *ret_text, size_t size)
{
    struct report r = {.fd = -1}; /* a place is shorter than its buffer: nothing is written */

    coop__say_place(&r, code);
    if (size == 0)
        return;
    size = r.used < size ? r.used : size - 1;
    memcpy(ret_text, r.text, size);
    ret_text[size] = '\0';
}
