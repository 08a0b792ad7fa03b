/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs operations on a kernel and tells what changed. */
#include "ap_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MATRIX_DIR "/sys/devices/vfio_ap/matrix"
#define QUEUES_DIR "/sys/bus/ap/devices"
#define FULL_MASK "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UUID_LENGTH 36

/* Up to 6.12 the kernel writes `matrix` past its page from 512 APQNs on. */
#define LISTED_MAX 511

/* An attribute's content: a page, each newline shown as '|'. */
#define CONTENT_MAX 4200

/* What was seen of one file; a sorted array of them is a state. */
typedef struct {
    char *name;
    char *content;
} Entry;

typedef struct {
    Entry *entries;
    size_t n;
} State;

static char root[2048];


static void *
check_memory(void *memory)
{
    if (memory)
        return memory;
    fputs("ap_ops: out of memory\n", stderr);
    exit(2);
}


/* Reads a small file, newlines as '|'; -1 if it cannot be read. */
static ssize_t
read_content(const char *path, char *content)
{
    char full[4096];
    int fd;
    ssize_t length;

    snprintf(full, sizeof(full), "%s%s", root, path);
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    length = read(fd, content, CONTENT_MAX - 1);
    close(fd);
    if (length < 0)
        return -1;
    content[length] = '\0';
    for (char *p = content; *p; p++) {
        if (*p == '\n')
            *p = '|';
    }
    return length;
}


static void
add(State *state, const char *name, const char *content)
{
    state->entries = check_memory(realloc(state->entries, (state->n + 1) * sizeof(Entry)));
    state->entries[state->n++] =
        (Entry){ check_memory(strdup(name)), check_memory(strdup(content)) };
}


static void
add_file(State *state, const char *path)
{
    char content[CONTENT_MAX];

    if (read_content(path, content) >= 0)
        add(state, path, content);
}


static void
add_driver(State *state, const char *queue)
{
    char name[512];
    char full[4096];
    char target[1024];
    ssize_t length;

    snprintf(name, sizeof(name), QUEUES_DIR "/%s/driver", queue);
    snprintf(full, sizeof(full), "%s%s", root, name);
    length = readlink(full, target, sizeof(target) - 1);
    if (length < 0)
        return;
    target[length] = '\0';
    add(state, name, strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}


static void
add_queue(State *state, const char *queue)
{
    char path[512];

    add_driver(state, queue);
    snprintf(path, sizeof(path), QUEUES_DIR "/%s/status", queue);
    add_file(state, path);
    snprintf(path, sizeof(path), QUEUES_DIR "/%s/driver_override", queue);
    add_file(state, path);
}


static int
count_bits(const char *digits, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++) {
        int value = digits[i] >= 'a' ? digits[i] - 'a' + 10 : digits[i] - '0';

        count += __builtin_popcount(value & 15);
    }
    return count;
}


/* From ap_config; 0 where there is none. */
static int
count_apqns(const char *uuid)
{
    char path[512];
    char content[CONTENT_MAX];

    snprintf(path, sizeof(path), MATRIX_DIR "/%s/ap_config", uuid);
    if (read_content(path, content) < 3 * 67)
        return 0;
    return count_bits(content + 2, 64) * count_bits(content + 67 + 2, 64);
}


static void
add_mdev(State *state, const char *uuid)
{
    static const char *const attrs[] = { "ap_config", "control_domains", "matrix",
                                         "guest_matrix" };
    size_t n = count_apqns(uuid) > LISTED_MAX ? 2 : 4;
    char path[512];

    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), MATRIX_DIR "/%s/%s", uuid, attrs[i]);
        add_file(state, path);
    }
}


static int
is_queue(const char *name)
{
    return strlen(name) == 7 && name[2] == '.';
}


static int
is_mdev(const char *name)
{
    return strlen(name) == UUID_LENGTH && name[8] == '-';
}


/* Calls @func for each name in a directory that @filter takes. */
static void
for_each(const char *path, int (*filter)(const char *name),
         void (*func)(State *state, const char *name), State *state)
{
    char full[4096];
    DIR *dir;
    struct dirent *entry;

    snprintf(full, sizeof(full), "%s%s", root, path);
    dir = opendir(full);
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        if (filter(entry->d_name))
            func(state, entry->d_name);
    }
    closedir(dir);
}


static int
compare_entries(const void *a, const void *b)
{
    return strcmp(((const Entry *)a)->name, ((const Entry *)b)->name);
}


static State
read_state(void)
{
    State state = { 0 };

    add_file(&state, "/sys/bus/ap/apmask");
    add_file(&state, "/sys/bus/ap/aqmask");
    add_file(&state, "/sys/bus/ap/bindings");
    for_each(QUEUES_DIR, is_queue, add_queue, &state);
    for_each(MATRIX_DIR, is_mdev, add_mdev, &state);
    qsort(state.entries, state.n, sizeof(Entry), compare_entries);
    return state;
}


static void
clear_state(State *state)
{
    for (size_t i = 0; i < state->n; i++) {
        free(state->entries[i].name);
        free(state->entries[i].content);
    }
    free(state->entries);
    *state = (State){ 0 };
}


static void
print_changes(const State *before, const State *after)
{
    size_t b = 0;

    for (size_t a = 0; a < after->n; a++) {
        const Entry *entry = &after->entries[a];

        while (b < before->n && strcmp(before->entries[b].name, entry->name) < 0)
            printf("%s\n", before->entries[b++].name);
        if (b < before->n && strcmp(before->entries[b].name, entry->name) == 0 &&
            strcmp(before->entries[b++].content, entry->content) == 0)
            continue;
        printf("%s %s\n", entry->name, entry->content);
    }
    while (b < before->n)
        printf("%s\n", before->entries[b++].name);
}


static void
unbind_queue(State *state, const char *queue)
{
    (void)state;
    ap_ops_run("bind", "/sys/bus/ap/drivers/vfio_ap/unbind", "", queue);
}


static void
remove_mdev(State *state, const char *uuid)
{
    (void)state;
    ap_ops_run("remove", uuid, "", "1");
}


static void
reset_queue(State *state, const char *queue)
{
    char path[512];
    char content[CONTENT_MAX];

    (void)state;
    snprintf(path, sizeof(path), QUEUES_DIR "/%s/driver_override", queue);
    if (read_content(path, content) <= 1)
        return;
    snprintf(path, sizeof(path), "/sys/devices/ap/card%.2s/%s/driver_override", queue, queue);
    ap_ops_run("bind", path, "", "\n");
}


static void
probe_queue(State *state, const char *queue)
{
    (void)state;
    ap_ops_run("bind", "/sys/bus/ap/drivers_probe", "", queue);
}


/* A queue that was bound by hand goes back when a mask changes. Queues go before mdevs: vfio_ap may
 * keep a pointer to an mdev that is gone, and follows it when it loses the queue (compare.py). */
static void
clean(void)
{
    for_each(QUEUES_DIR, is_queue, unbind_queue, NULL);
    for_each(MATRIX_DIR, is_mdev, remove_mdev, NULL);
    for_each(QUEUES_DIR, is_queue, reset_queue, NULL);
    for_each(QUEUES_DIR, is_queue, probe_queue, NULL);
    ap_ops_run("bind", "/sys/bus/ap/apmask", "", FULL_MASK);
    ap_ops_run("bind", "/sys/bus/ap/aqmask", "", FULL_MASK);
    ap_ops_run("bind", "/sys/bus/ap/apmask", "", "0x0");
    ap_ops_run("bind", "/sys/bus/ap/apmask", "", FULL_MASK);
}


/* \n in a value is a newline; done in place. */
static void
unescape(char *value)
{
    char *to = value;

    for (const char *from = value; *from; from++) {
        if (from[0] == '\\' && from[1] == 'n') {
            *to++ = '\n';
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}


/* Cuts the first word off; "" at the end. */
static char *
take_word(char **rest)
{
    char *word = strsep(rest, " ");

    return word ? word : "";
}


/* Returns an errno, or -1 for a line that is no operation. */
static int
run_line(char *line)
{
    char *rest = line;
    const char *op = take_word(&rest);
    const char *where = take_word(&rest);
    const char *attr = strcmp(op, "write") == 0 ? take_word(&rest) : "";
    const char *value = rest ? rest : "";

    if (strcmp(op, "clean") == 0) {
        clean();
        return 0;
    }
    if (rest)
        unescape(rest);
    if (strcmp(op, "create") == 0)
        return ap_ops_run(op, "", "", where);
    if (strcmp(op, "remove") == 0)
        return ap_ops_run(op, where, "", "1");
    if (strcmp(op, "write") == 0 || strcmp(op, "bind") == 0)
        return ap_ops_run(op, where, attr, value);
    return -1;
}


int
ap_ops_main(const char *path)
{
    State before = { 0 };
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    snprintf(root, sizeof(root), "%s", path);
    while ((length = getline(&line, &size, stdin)) > 0) {
        State after;
        int errnum;

        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        printf("> %s\n", line);
        errnum = run_line(line);
        if (errnum < 0) {
            fprintf(stderr, "ap_ops: no such operation\n");
            return 2;
        }
        printf("= %s\n", errnum ? strerrorname_np(errnum) : "0");
        after = read_state();
        print_changes(&before, &after);
        clear_state(&before);
        before = after;
    }
    clear_state(&before);
    free(line);
    return fflush(stdout) == 0 ? 0 : 2;
}
