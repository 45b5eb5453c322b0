#ifndef COOP_RT_DUMP_SYMBOL_H
#define COOP_RT_DUMP_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * dump_symbol.h - which function an address is in
 *
 * Reads the symbol table of the program's own file (static functions, too, unless it is
 * stripped; dladdr() knows neither, and takes the loader's lock).  Safe in a signal handler:
 * system calls only.
 */
struct symbol {
    char name[64];        /* of the function; "" when nobody knows */
    uint64_t offset;      /* into it                               */
    char file[48];        /* the program's or library's, last part */
    uint64_t file_offset; /* as addr2line wants it                 */
};

/* False: not even the file is known. */
bool coop__symbol(struct symbol *ret_symbol, const void *code);

#endif
