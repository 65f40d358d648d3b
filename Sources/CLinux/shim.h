// Linux calls that the Glibc module does not export, and processor instructions that Swift has no words for.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

// _GNU_SOURCE stays undefined: it would give fd_set another shape than the Glibc module has. What it hides is
// called by number.
#include <malloc.h>
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

// Of all arenas; what is mapped on its own included.
static inline size_t clinux_allocated_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static inline void clinux_trim_heap(void) { malloc_trim(0); }

static inline void clinux_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }

static inline void clinux_set_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// CRC-32C with the processor's instructions. Call only where clinux_has_crc32c() is not 0.
//
// The instruction takes 3 cycles and one can start every cycle, so three stretches of n bytes are summed side by side, and
// put together by a multiplication without carry: shifts[n / 8] is x^(8n-33), shifts[n / 4] is x^(16n-33), both modulo
// the polynomial and with their bits reversed.
#define CLINUX_CRC32C_MAX_STRETCH 1024
#if defined(__x86_64__)
#include <immintrin.h>
static inline int clinux_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }
__attribute__((target("sse4.2,pclmul")))
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t count, const uint64_t *shifts) {
    uint64_t a = crc;
    while (count >= 48) {
        size_t n = count / 24 * 8;
        if (n > CLINUX_CRC32C_MAX_STRETCH) n = CLINUX_CRC32C_MAX_STRETCH;
        uint64_t b = 0, c = 0;
        for (size_t i = 0; i < n; i += 8) {
            uint64_t x, y, z;
            memcpy(&x, p + i, 8);
            memcpy(&y, p + n + i, 8);
            memcpy(&z, p + 2 * n + i, 8);
            a = _mm_crc32_u64(a, x);
            b = _mm_crc32_u64(b, y);
            c = _mm_crc32_u64(c, z);
        }
        __m128i far = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)shifts[n / 4]), 0);
        __m128i near = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)b), _mm_cvtsi64_si128((long long)shifts[n / 8]), 0);
        a = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(far, near))) ^ c;
        p += 3 * n;
        count -= 3 * n;
    }
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        a = _mm_crc32_u64(a, x);
    }
    while (count--) a = _mm_crc32_u8((uint32_t)a, *p++);
    return (uint32_t)a;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
static inline int clinux_has_crc32c(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
__attribute__((target("crc")))
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t n, const uint64_t *shifts) {
    (void)shifts;
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
static inline uint32_t clinux_crc32c(uint32_t crc, const unsigned char *p, size_t n, const uint64_t *shifts) {
    (void)p; (void)n; (void)shifts;
    return crc;
}
#endif

// Of 16 bytes, one bit each: where a JSON string's run of plain ASCII ends (a quote, a backslash, a control character, a
// byte that is not ASCII).
static inline uint32_t clinux_plain_run_ends(const void *p) {
#if defined(__x86_64__)
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    // As signed numbers, bytes from 0x80 on are below 0x20 too.
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(ends, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20))));
#else
    const signed char *s = (const signed char *)p;
    uint32_t bits = 0;
    for (int i = 0; i < 16; i++) bits |= (uint32_t)(s[i] < 0x20 || s[i] == '"' || s[i] == '\\') << i;
    return bits;
#endif
}

// Of 16 bytes, one bit each: what is not a decimal digit.
static inline uint32_t clinux_no_digits(const void *p) {
#if defined(__x86_64__)
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8((char)('0' + 128)));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(v, _mm_set1_epi8(9 - 128)));
#else
    const unsigned char *s = (const unsigned char *)p;
    uint32_t bits = 0;
    for (int i = 0; i < 16; i++) bits |= (uint32_t)((unsigned char)(s[i] - '0') > 9) << i;
    return bits;
#endif
}

#endif
