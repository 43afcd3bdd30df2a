/* A disk that fails once, or from some moment on: preloaded, armed from within, for files below one folder only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { FLUSH, WRITE, FULL, HALF };

static char folder[PATH_MAX];
static int kind = -1, lasting;
static long wanted, flushes, writes;

/* The nth flush (kind 0) or write (1: error, 2: disk full, 3: only half is written) fails; with `stays` all after it. */
void disk_arm(const char *below, int what, long nth, int stays) {
    snprintf(folder, sizeof folder, "%s/", below);
    kind = what; wanted = nth; lasting = stays; flushes = writes = 0;
}
long disk_flushes(void) { return flushes; }
long disk_writes(void) { return writes; }

static int watched(int fd) {
    char link[64], path[PATH_MAX];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, folder, strlen(folder));
}
static int now(long count) { return count == wanted || (lasting && count > wanted); }
static int flush_fails(int fd) {
    if (!watched(fd)) return 0;
    flushes++;
    if (kind != FLUSH || !now(flushes)) return 0;
    errno = EIO;
    return 1;
}
/* How much of a write is let through; -1 for an error. */
static ssize_t allowed(int fd, size_t size) {
    if (!watched(fd)) return (ssize_t)size;
    writes++;
    if (kind < WRITE || !now(writes)) return (ssize_t)size;
    if (kind == HALF && size > 1) return (ssize_t)(size / 2);
    errno = kind == FULL ? ENOSPC : EIO;
    return -1;
}
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

int fsync(int fd) { REAL(int, "fsync", int); return flush_fails(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); return flush_fails(fd) ? -1 : real(fd); }
ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t let = allowed(fd, size);
    return let < 0 ? -1 : real(fd, data, (size_t)let);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    ssize_t let = allowed(fd, size);
    return let < 0 ? -1 : real(fd, data, (size_t)let, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    ssize_t let = allowed(fd, size);
    return let < 0 ? -1 : real(fd, data, (size_t)let, at);
}
