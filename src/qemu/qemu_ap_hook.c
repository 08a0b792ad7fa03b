/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-hook: main() of libvirt's qemu hook, which libvirt runs for every guest:
 *   libvirt-ap-hook GUEST OPERATION SUBOPERATION EXTRA, with the guest's XML on standard input
 *
 * libvirt runs it three times for each start, and waits. Most guests have no AP: they are let
 * through before anything else is read, by this program, which does without GLib and libxml2 since
 * loading those takes longer than all that it does. The others go on to libvirt-ap-hook-session. So
 * does a guest that ends while there are claims: its matrix may have been detached while it ran. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/ap_domain_xml.h"
#include "node_device/inventory/ap_claim.h"
#include "util/ap_program.h"

#define SESSION "libvirt-ap-hook-session"

#define INPUT_MAX AP_ROOT_XML_MAX

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
give_up(const Call *call, const char *message)
{
    fprintf(stderr, "%s\n", message);
    return is(call, "prepare", "begin") || is(call, "start", "begin");
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
 * Returns its length, of which what is above INPUT_MAX is not kept; -1 if it cannot be kept. */
static ssize_t
copy_input(int fd)
{
    static char buffer[65536];
    ssize_t length = 0;
    int ok = fd >= 0;
    ssize_t n;

    while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        ok = ok && (length > INPUT_MAX || write_all(fd, buffer, n));
        length += n;
    }
    return ok ? length : -1;
}


static int
contains(const char *text, size_t length, const char *word)
{
    return memmem(text, length, word, strlen(word)) != NULL;
}


/* Whether the XML could speak of AP: 0 or 1, -1 if that cannot be told. libvirt writes both words
 * literally. */
static int
mentions_ap(int fd, size_t length)
{
    char *text;
    int result;

    if (length == 0)
        return 0;
    text = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    if (text == MAP_FAILED || !text)
        return -1;
    result = contains(text, length, "vfio-ap") || contains(text, length, AP_DOMAIN_NAMESPACE);
    munmap(text, length);
    return result;
}


/* Whether there are claims, of which one can be the guest's own; also if that cannot be told. */
static int
has_claims(const char *root)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    if (snprintf(path, sizeof(path), "%s%s", root, AP_CLAIM_DIR) >= (int)sizeof(path))
        return 1;
    dir = opendir(path);
    if (!dir)
        return errno != ENOENT;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.')
        continue;
    closedir(dir);
    return entry != NULL;
}


int
main(int argc, char **argv)
{
    Call call = { .root = "" };
    int has_root = argc >= 7 && (strcmp(argv[1], "--root") == 0 || strcmp(argv[1], "--sim") == 0);
    int first = has_root ? 3 : 1;
    int fd;
    int mentions;
    ssize_t length;

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
    if (length < 0)
        return give_up(&call, "no memory for the guest's XML: nobody can tell whether it has AP");
    if (length > INPUT_MAX)
        return give_up(&call, "more than 8 MiB of XML: nobody can tell whether it has AP");
    mentions = mentions_ap(fd, length);
    if (mentions == 0 && !(is(&call, "release", "end") && has_claims(call.root)))
        return 0;
    if (lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0)
        return give_up(&call, "the guest's XML cannot be passed on");
    ap_program_exec(SESSION, argv);
    return give_up(&call, "the program " LIBEXECDIR "/" SESSION " cannot be run: it is part of "
                          "libvirt-ap\n  install libvirt-ap again; see `virt-ap doctor`");
}
