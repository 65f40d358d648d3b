// Linux calls that the Glibc module does not export, and the CRC-32C instruction.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

// _GNU_SOURCE stays undefined: it would give fd_set another shape than the Glibc module has. What it hides is
// called by number.
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int clinux_memfd_create(const char *name, unsigned flags) {
    return (int)syscall(SYS_memfd_create, name, flags);
}

static inline int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}

static inline void clinux_set_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// CRC-32C over 8 bytes (or 1) with the processor's instruction. Call only where
// clinux_has_crc32c() is not 0.
#if defined(__x86_64__)
static inline int clinux_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }
__attribute__((target("sse4.2")))
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t n) {
    uint64_t c = crc;
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        c = __builtin_ia32_crc32di(c, w);
        p += 8;
        n -= 8;
    }
    while (n--) c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
    return (uint32_t)c;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
static inline int clinux_has_crc32c(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
__attribute__((target("crc")))
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t n) {
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        crc = __builtin_arm_crc32cd(crc, w);
        p += 8;
        n -= 8;
    }
    while (n--) crc = __builtin_arm_crc32cb(crc, *p++);
    return crc;
}
#else
static inline int clinux_has_crc32c(void) { return 0; }
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t n) { (void)p; (void)n; return crc; }
#endif

#endif
