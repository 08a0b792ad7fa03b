/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-hook: main() of libvirt's qemu hook, which libvirt runs for every guest:
 *   libvirt-ap-hook GUEST OPERATION SUBOPERATION EXTRA, with the guest's XML on standard input
 *
 * libvirt runs it three times for each start, and waits. Most guests have no AP: they are let
 * through before anything else is read, by this program, which does without GLib and libxml2 since
 * loading those takes longer than all that it does. The others go on to libvirt-ap-hook-session. So
 * does a guest that ends while there are claims: its matrix may have been detached while it ran,
 * and its claims have to end also if its XML cannot be read.
 *
 * What libvirt cannot take back any more (a guest that runs or has ended) never fails, whatever
 * happens to libvirt-ap-hook-session: that is a child then. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/ap_domain_xml.h"
#include "node_device/inventory/ap_claim.h"
#include "util/ap_program.h"

#define SESSION "libvirt-ap-hook-session"

#define INPUT_MAX AP_ROOT_XML_MAX

/* What to do where there is no XML: libvirt could not write it, or the hook was run by hand. */
#define DUMPXML "virsh dumpxml GUEST shows whether libvirt can write it; its log says why not"

#define DOMAIN_END "</domain>"

/* The command line. */
typedef struct {
    const char *root;
    const char *operation;
    const char *suboperation;
} Call;


static int
is(const Call *call, const char *operation, const char *suboperation)
{
    return strcmp(call->operation, operation) == 0 &&
           strcmp(call->suboperation, suboperation) == 0;
}


/* Before QEMU runs a no is a no; later nothing may fail. */
static int
may_refuse(const Call *call)
{
    return is(call, "prepare", "begin") || is(call, "start", "begin");
}


static int
give_up(const Call *call, const char *message)
{
    fprintf(stderr, "%s\n", message);
    return may_refuse(call);
}


/* Writes all of a buffer; 0 if that fails. */
static int
write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno != EINTR)
            return 0;
        data += n > 0 ? n : 0;
        length -= n > 0 ? n : 0;
    }
    return 1;
}


/* Copies standard input to @fd, to its end, also if nothing is done with it: libvirt is writing.
 * Returns its length, of which what is above INPUT_MAX is not kept; -1 if it cannot be kept or
 * read: what failed is no end. */
static ssize_t
copy_input(int fd)
{
    static char buffer[65536];
    ssize_t length = 0;
    int ok = fd >= 0;

    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ok && n == 0 ? length : -1;
        ok = ok && (length > INPUT_MAX || write_all(fd, buffer, n));
        length += n;
    }
}


/* A byte that is rare is found faster than a word. */
static int
contains(const char *text, size_t length, const char *word)
{
    const char *rest = memchr(text, word[0], length);

    return rest && memmem(rest, text + length - rest, word, strlen(word));
}


static int
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


static int
begins(const char *p, const char *end, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(end - p) >= length && memcmp(p, word, length) == 0;
}


/* Whether the text is what libvirt writes of one whole domain: its only <domain> begins it, and
 * the end of that ends it. A document that was cut is not, nor one with sections, or in another
 * encoding. */
static int
is_whole(const char *text, size_t length)
{
    const char *end = text + length;
    const char *tag = text;

    while (end > text && is_blank(end[-1]))
        end--;
    if (!(begins(text, end, "<domain ") || begins(text, end, "<domain>")) ||
        memchr(text, '\0', length))
        return 0;
    while ((tag = memchr(tag + 1, '<', end - tag - 1))) {
        if (begins(tag, end, "<!") || begins(tag, end, "<domain"))
            return 0;
        if (begins(tag, end, DOMAIN_END))
            return end - tag == sizeof(DOMAIN_END) - 1;
    }
    return 0;
}


/* Whether the XML is of a guest without AP, beyond doubt. libvirt writes the words that speak of
 * AP literally; a character reference, or JSON's, could stand for a letter of them. */
static int
is_without_ap(const char *text, size_t length)
{
    static const char *const doubts[] = { "vfio-ap", "sysfsdev", AP_DOMAIN_NAMESPACE, "\\u", "&#" };

    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        if (contains(text, length, doubts[i]))
            return 0;
    }
    return is_whole(text, length);
}


/* The same of what @fd holds. What cannot be looked at is in doubt. */
static int
is_input_without_ap(int fd, size_t length)
{
    char *text = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    int result;

    if (text == MAP_FAILED || !text)
        return 0;
    result = is_without_ap(text, length);
    munmap(text, length);
    return result;
}


/* Whether there are claims, of which one can be the guest's own; also if that cannot be told. */
static int
has_claims(const char *root)
{
    char path[PATH_MAX];
    struct dirent *entry;
    int result;
    DIR *dir;

    if (snprintf(path, sizeof(path), "%s%s", root, AP_CLAIM_DIR) >= (int)sizeof(path))
        return 1;
    dir = opendir(path);
    if (!dir)
        return errno != ENOENT;
    errno = 0;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.')
        continue;
    result = entry || errno != 0;
    closedir(dir);
    return result;
}


/* Why the input is of no use; NULL if it may be of use. */
static const char *
describe_unread(ssize_t length)
{
    if (length < 0)
        return "the guest's XML cannot be read from standard input: nobody can tell whether the "
               "guest has AP\n  " DUMPXML;
    if (length == 0)
        return "libvirt gives no XML of the guest on standard input: nobody can tell whether the "
               "guest has AP\n  " DUMPXML;
    if (length > INPUT_MAX)
        return "more than 8 MiB of XML: nobody can tell whether the guest has AP";
    return NULL;
}


/* Without a child, as memory is short, it is better that the session may fail than that nobody
 * ends the claims. */
static int
run_session(const Call *call, char **argv)
{
    pid_t child = may_refuse(call) ? 0 : fork();

    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
        return 0;
    }
    ap_program_exec(SESSION, argv);
    return give_up(call, "the program " LIBEXECDIR "/" SESSION " cannot be run: it is part of "
                         "libvirt-ap\n  install libvirt-ap again; see `virt-ap doctor`");
}


int
main(int argc, char **argv)
{
    Call call = { .root = "" };
    int has_root = argc >= 7 && (strcmp(argv[1], "--root") == 0 || strcmp(argv[1], "--sim") == 0);
    int first = has_root ? 3 : 1;
    int fd;
    ssize_t length;
    const char *unread;
    int ends_claims;

    /* libvirt may say more one day. */
    if (argc < first + 4) {
        fprintf(stderr, "usage: libvirt-ap-hook [--root DIR] GUEST OPERATION SUBOPERATION EXTRA\n"
                        "libvirt runs it, with the guest's XML on standard input\n");
        return 2;
    }
    if (has_root)
        call.root = argv[2];
    call.operation = argv[first + 1];
    call.suboperation = argv[first + 2];
    fd = memfd_create("domain XML", MFD_CLOEXEC);
    length = copy_input(fd);
    unread = describe_unread(length);
    ends_claims = is(&call, "release", "end") && has_claims(call.root);
    if (unread && !ends_claims)
        return give_up(&call, unread);
    if (!unread && !ends_claims && is_input_without_ap(fd, length))
        return 0;
    /* Without its XML the session knows a guest that ends by its name. */
    if ((lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0) && !ends_claims)
        return give_up(&call, "the guest's XML cannot be passed on");
    return run_session(&call, argv);
}
