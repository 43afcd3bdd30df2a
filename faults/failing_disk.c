/* A disk that fails once, or from some moment on: preloaded, armed from within, for files below one folder only.

   Where FAILING_DISK names a file of at least two pages, all processes that have it there share one disk, and whoever
   maps it, too, arms it for them: so a server of many processes counts its flushes and writes together. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { FLUSH, WRITE, FULL, HALF };

struct disk { int kind, lasting; long wanted, flushes, writes; char folder[PATH_MAX]; };
static struct disk alone = {.kind = -1}, *disk = &alone;

__attribute__((constructor)) static void share(void) {
    const char *name = getenv("FAILING_DISK");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) disk = found;
    close(fd);
}

/* The nth flush (kind 0) or write (1: error, 2: disk full, 3: only half is written) fails; with `stays` all after it. */
void disk_arm(const char *below, int what, long nth, int stays) {
    disk->folder[0] = 0;
    disk->kind = what; disk->wanted = nth; disk->lasting = stays; disk->flushes = disk->writes = 0;
    if (*below) snprintf(disk->folder, sizeof disk->folder, "%s/", below);
}
long disk_flushes(void) { return disk->flushes; }
long disk_writes(void) { return disk->writes; }

static int watched(int fd) {
    char link[64], path[PATH_MAX];
    if (!disk->folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, disk->folder, strlen(disk->folder));
}
static int now(long count) { return count == disk->wanted || (disk->lasting && count > disk->wanted); }
static int flush_fails(int fd) {
    if (!watched(fd)) return 0;
    long count = __sync_add_and_fetch(&disk->flushes, 1);
    if (disk->kind != FLUSH || !now(count)) return 0;
    errno = EIO;
    return 1;
}
/* How much of a write is let through; -1 for an error. */
static ssize_t allowed(int fd, size_t size) {
    if (!watched(fd)) return (ssize_t)size;
    long count = __sync_add_and_fetch(&disk->writes, 1);
    if (disk->kind < WRITE || !now(count)) return (ssize_t)size;
    if (disk->kind == HALF && size > 1) return (ssize_t)(size / 2);
    errno = disk->kind == FULL ? ENOSPC : EIO;
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
