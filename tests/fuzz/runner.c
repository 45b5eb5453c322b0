/*
 * runner.c - feeds a fuzz target without libFuzzer (see fuzz.h)
 *
 *     fuzz_ini CORPUS [MUTATIONS [SEED]]      or: fuzz_ini FILE    one input, to debug it
 *
 * When the target dies, the input is in the file fuzz-failed in the working directory: it is
 * written before each call into a page that a signal handler saves.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX  ((size_t)8192)
#define CORPUS_MAX 256

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t size;
};

static struct input corpus[CORPUS_MAX], current;
static size_t corpus_count;
static uint64_t chance;

static uint64_t next_chance(void) /* xorshift64* */
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return chance * UINT64_C(0x2545F4914F6CDD1D);
}

static size_t below(size_t limit)
{
    return limit ? (size_t)(next_chance() % limit) : 0;
}

static void save(int signo)
{
    int fd = open("fuzz-failed", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd >= 0 && write(fd, current.bytes, current.size) >= 0)
        close(fd);
    signal(signo, SIG_DFL);
    raise(signo);
}

static int load(const char *path)
{
    FILE *file = fopen(path, "re");
    struct input *input = &corpus[corpus_count];

    if (!file || corpus_count == CORPUS_MAX) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    input->size = fread(input->bytes, 1, INPUT_MAX, file);
    fclose(file);
    corpus_count++;
    return 0;
}

static int load_all(const char *path)
{
    struct stat what;
    struct dirent *entry;
    DIR *dir;

    if (stat(path, &what) == 0 && S_ISREG(what.st_mode))
        return load(path);
    dir = opendir(path);
    if (!dir)
        return -1;
    while ((entry = readdir(dir)) != NULL) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (load(name) < 0)
            break;
    }
    closedir(dir);
    return corpus_count > 0 ? 0 : -1;
}

/* Opens a gap of 'len' bytes at 'at', or closes one; stays within the array. */
static void shift(struct input *input, size_t at, size_t len, int open_it)
{
    if (open_it && input->size + len <= INPUT_MAX) {
        memmove(input->bytes + at + len, input->bytes + at, input->size - at);
        input->size += len;
    } else if (!open_it && at + len <= input->size) {
        memmove(input->bytes + at, input->bytes + at + len, input->size - at - len);
        input->size -= len;
    }
}

static void mutate_once(struct input *input)
{
    static const char odd[] =
        "\0\n\r\t ;#=[]\\\"'%{}:,.-+0919KMGeE\x7f\x80\xc3\xff\xef\xbb\xbf";
    const struct input *other = &corpus[below(corpus_count)];
    size_t at = below(input->size + 1), len = 1 + below(16), from;

    switch (below(6)) {
    case 0: /* a flipped bit */
        if (at < input->size)
            input->bytes[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* a byte that means something to somebody */
        shift(input, at, 1, 1);
        if (at < input->size)
            input->bytes[at] = (uint8_t)odd[below(sizeof odd - 1)];
        break;
    case 2: shift(input, at, len, 0); break;
    case 3: /* a part again */
        if (at + len <= input->size && input->size + len <= INPUT_MAX) {
            shift(input, at, len, 1);
            memcpy(input->bytes + at, input->bytes + at + len, len);
        }
        break;
    case 4: /* a part of another one */
        from = below(other->size);
        if (len > other->size - from)
            len = other->size - from;
        if (input->size + len <= INPUT_MAX) {
            shift(input, at, len, 1);
            memcpy(input->bytes + at, other->bytes + from, len);
        }
        break;
    default: input->size = at; break;
    }
}

int main(int argc, char **argv)
{
    size_t mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;

    chance = argc > 3 ? strtoull(argv[3], NULL, 10) : 88172645463325252u;
    if (argc < 2 || chance == 0 || load_all(argv[1]) < 0) {
        fprintf(stderr, "usage: %s CORPUS|FILE [MUTATIONS [SEED]]\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, save);
    signal(SIGSEGV, save);
    for (size_t i = 0; i < corpus_count; i++) {
        current = corpus[i];
        LLVMFuzzerTestOneInput(current.bytes, current.size);
    }
    for (size_t i = 0; i < mutations; i++) {
        current = corpus[below(corpus_count)];
        for (size_t n = 1 + below(8); n > 0; n--)
            mutate_once(&current);
        LLVMFuzzerTestOneInput(current.bytes, current.size);
    }
    printf("%zu inputs, %zu mutations\n", corpus_count, mutations);
    return 0;
}
