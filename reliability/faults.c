/* Lets the n-th call that touches anything below one folder fail; to be preloaded.

   faults_begin(folder, n, error, kind) sets the countdown, in which calls of this kind and above count: LOOKS, CHANGES
   or WRITES. faults_end() stops it. Then faults_seen() tells how many calls there were, and faults_where() which has
   failed. With error 0 it does not fail, but writes only half. Reading of what is open is left alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char root[PATH_MAX], where[PATH_MAX + 64];
static long failing, seen;
static int error_number, least;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

enum { LOOKS, CHANGES, WRITES };

void faults_begin(const char* folder, long n, int error, int kind) {
  least = kind;
  snprintf(root, sizeof root, "%s", folder);
  where[0] = 0;
  failing = n;
  seen = 0;
  error_number = error;
}

void faults_end(void) { root[0] = 0; }

long faults_seen(void) { return seen; }

const char* faults_where(void) { return where; }

/* What `path` stands for below the folder `at`, an open file; or the file itself if there is no path. */
static void resolve(int at, const char* path, char* out, size_t size) {
  char link[64];
  ssize_t n = 0;
  if ((path == NULL || path[0] != '/') && at != AT_FDCWD) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    n = readlink(link, out, size - 1);
    n = n < 0 ? 0 : n;
  }
  out[n] = 0;
  if (path != NULL) {
    snprintf(out + n, size - (size_t)n, "%s%s", n ? "/" : "", path);
  }
}

/* Whether this call is the one that is to fail. */
static int fails(const char* name, int at, const char* path, int kind) {
  char full[PATH_MAX];
  if (root[0] == 0 || kind < least) {
    return 0;
  }
  int before = errno, now = 0;
  resolve(at, path, full, sizeof full);
  if (strncmp(full, root, strlen(root)) == 0) {
    pthread_mutex_lock(&one_at_a_time);
    now = ++seen == failing;
    if (now) {
      snprintf(where, sizeof where, "%s %s", name, full + strlen(root));
    }
    pthread_mutex_unlock(&one_at_a_time);
  }
  errno = now ? error_number : before;
  return now;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAILING(kind, name, at, path, parameters, ...) \
  int name parameters { return fails(#name, at, path, kind) ? -1 : REAL(name)(__VA_ARGS__); }

FAILING(CHANGES, fsync, fd, NULL, (int fd), fd)
FAILING(CHANGES, fdatasync, fd, NULL, (int fd), fd)
FAILING(CHANGES, ftruncate, fd, NULL, (int fd, off_t size), fd, size)
FAILING(CHANGES, ftruncate64, fd, NULL, (int fd, off64_t size), fd, size)
FAILING(CHANGES, fchmod, fd, NULL, (int fd, mode_t mode), fd, mode)
FAILING(CHANGES, flock, fd, NULL, (int fd, int how), fd, how)
FAILING(CHANGES, mkdir, AT_FDCWD, path, (const char* path, mode_t mode), path, mode)
FAILING(CHANGES, mkdirat, at, path, (int at, const char* path, mode_t mode), at, path, mode)
FAILING(CHANGES, rename, AT_FDCWD, from, (const char* from, const char* to), from, to)
FAILING(CHANGES, renameat, at, from, (int at, const char* from, int at_to, const char* to), at, from, at_to, to)
FAILING(CHANGES, link, AT_FDCWD, from, (const char* from, const char* to), from, to)
FAILING(CHANGES, linkat, at, from, (int at, const char* from, int at_to, const char* to, int how), at, from, at_to, to,
        how)
FAILING(CHANGES, unlink, AT_FDCWD, path, (const char* path), path)
FAILING(CHANGES, unlinkat, at, path, (int at, const char* path, int how), at, path, how)
FAILING(CHANGES, rmdir, AT_FDCWD, path, (const char* path), path)
FAILING(CHANGES, chmod, AT_FDCWD, path, (const char* path, mode_t mode), path, mode)
FAILING(LOOKS, stat, AT_FDCWD, path, (const char* path, struct stat* out), path, out)
FAILING(LOOKS, stat64, AT_FDCWD, path, (const char* path, struct stat64* out), path, out)
FAILING(LOOKS, lstat, AT_FDCWD, path, (const char* path, struct stat* out), path, out)
FAILING(LOOKS, lstat64, AT_FDCWD, path, (const char* path, struct stat64* out), path, out)
FAILING(LOOKS, fstatat, at, path, (int at, const char* path, struct stat* out, int how), at, path, out, how)
FAILING(LOOKS, fstatat64, at, path, (int at, const char* path, struct stat64* out, int how), at, path, out, how)
FAILING(LOOKS, fstat, fd, NULL, (int fd, struct stat* out), fd, out)
FAILING(LOOKS, fstat64, fd, NULL, (int fd, struct stat64* out), fd, out)

int close(int fd) {
  /* Linux closes what it complains of. */
  int failed = fails("close", fd, NULL, LOOKS), error = errno;
  int out = REAL(close)(fd);
  errno = failed ? error : errno;
  return failed ? -1 : out;
}

ssize_t write(int fd, const void* from, size_t size) {
  if (!fails("write", fd, NULL, WRITES)) {
    return REAL(write)(fd, from, size);
  }
  return error_number ? -1 : REAL(write)(fd, from, (size + 1) / 2);
}

#define KIND_OF(how) ((how) & (O_WRONLY | O_RDWR | O_CREAT) ? CHANGES : LOOKS)

#define OPENING(name)                                                                      \
  int name(const char* path, int how, ...) {                                               \
    va_list more;                                                                          \
    va_start(more, how);                                                                   \
    mode_t mode = how & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;                \
    va_end(more);                                                                          \
    return fails("open", AT_FDCWD, path, KIND_OF(how)) ? -1 : REAL(name)(path, how, mode); \
  }

#define OPENING_AT(name)                                                                 \
  int name(int at, const char* path, int how, ...) {                                     \
    va_list more;                                                                        \
    va_start(more, how);                                                                 \
    mode_t mode = how & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;              \
    va_end(more);                                                                        \
    return fails("open", at, path, KIND_OF(how)) ? -1 : REAL(name)(at, path, how, mode); \
  }

OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)
