/* Writes down, in the order in which they happen, the operations on files of one folder that a power cut could undo.
 * POWER_FOLDER: the folder, as the system names it; POWER_RECORD: the file that the record is appended to, elsewhere.
 *
 * A record: what (c created, w written, t truncated, u unlinked, f flushed), the length of the name in one byte, offset or new
 * length and number of bytes in eight each (least first), the name, the bytes. The folder's own name is empty. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *own(const char *name) { return dlsym(RTLD_NEXT, name); }

/* The name within the folder, or NULL. */
static const char *within(const char *path) {
    const char *folder = getenv("POWER_FOLDER");
    size_t prefix = folder == NULL ? 0 : strlen(folder);
    if (prefix == 0 || strncmp(path, folder, prefix) != 0) return NULL;
    if (path[prefix] == 0) return path + prefix;
    return path[prefix] == '/' ? path + prefix + 1 : NULL;
}

static const char *watched(int fd, char *room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, room, PATH_MAX - 1);
    if (length < 0) return NULL;
    room[length] = 0;
    return within(room);
}

static void put(int record, const void *bytes, size_t count) {
    if (count > 0 && syscall(SYS_write, record, bytes, count) != (ssize_t)count) abort();
}

static void record(char what, const char *name, uint64_t at, uint64_t count, const void *bytes) {
    static int file = -1;
    if (file < 0) file = (int)syscall(SYS_openat, AT_FDCWD, getenv("POWER_RECORD"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) abort();
    unsigned char length = (unsigned char)strlen(name);
    put(file, &what, 1);
    put(file, &length, 1);
    put(file, &at, sizeof at);
    put(file, &count, sizeof count);
    put(file, name, length);
    put(file, bytes, bytes == NULL ? 0 : count);
}

static ssize_t written(int fd, const void *bytes, size_t count, off64_t at, int placed) {
    ssize_t (*pwrite_own)(int, const void *, size_t, off64_t) = own("pwrite64");
    ssize_t (*write_own)(int, const void *, size_t) = own("write");
    char room[PATH_MAX];
    const char *name = watched(fd, room);
    if (name == NULL) return placed ? pwrite_own(fd, bytes, count, at) : write_own(fd, bytes, count);
    pthread_mutex_lock(&turn);
    ssize_t done = placed ? pwrite_own(fd, bytes, count, at) : write_own(fd, bytes, count);
    if (!placed) at = lseek64(fd, 0, SEEK_CUR) - (done > 0 ? done : 0);
    if (done > 0) record('w', name, (uint64_t)at, (uint64_t)done, bytes);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t count) { return written(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written(fd, bytes, count, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return written(fd, bytes, count, at, 1); }

static int cut(int fd, off64_t length) {
    int (*ftruncate_own)(int, off64_t) = own("ftruncate64");
    char room[PATH_MAX];
    const char *name = watched(fd, room);
    pthread_mutex_lock(&turn);
    int failed = ftruncate_own(fd, length);
    if (!failed && name != NULL) record('t', name, (uint64_t)length, 0, NULL);
    pthread_mutex_unlock(&turn);
    return failed;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int flushed(const char *which, int fd) {
    int (*flush_own)(int) = own(which);
    char room[PATH_MAX];
    const char *name = watched(fd, room);
    pthread_mutex_lock(&turn);
    int failed = flush_own(fd);
    if (!failed && name != NULL) record('f', name, 0, 0, NULL);
    pthread_mutex_unlock(&turn);
    return failed;
}

int fsync(int fd) { return flushed("fsync", fd); }
int fdatasync(int fd) { return flushed("fdatasync", fd); }

int unlink(const char *path) {
    int (*unlink_own)(const char *) = own("unlink");
    pthread_mutex_lock(&turn);
    int failed = unlink_own(path);
    const char *name = failed ? NULL : within(path);
    if (name != NULL) record('u', name, 0, 0, NULL);
    pthread_mutex_unlock(&turn);
    return failed;
}

static int opened(const char *path, int flags, mode_t mode) {
    int (*open_own)(const char *, int, ...) = own("open64");
    char room[PATH_MAX];
    pthread_mutex_lock(&turn);
    int fd = open_own(path, flags, mode);
    const char *name = (flags & O_CREAT) && fd >= 0 ? watched(fd, room) : NULL;
    if (name != NULL) record('c', name, 0, 0, NULL);
    pthread_mutex_unlock(&turn);
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, mode);
}
