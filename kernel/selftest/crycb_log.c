// SPDX-License-Identifier: GPL-2.0-only
/*
 * crycb_log PID: waits for the end of a virtual machine, then prints every change of its CRYCB.
 *
 * KVM logs each SET CRYCB and CLR CRYCB in /sys/kernel/debug/s390dbf/kvm-PID/sprintf, PID being
 * that of the process that made the VM, but the log goes with the VM, and so the last line, that
 * of the masks being cleared, is never seen. This program takes a duplicate of the VM's file
 * descriptor out of the process, which keeps the log while the process and its devices end.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VM_LINK "anon_inode:kvm-vm"

static int fail(const char *what)
{
	fprintf(stderr, "crycb_log: %s: %s\n", what, strerror(errno));
	return 1;
}

/* The number of the process' file descriptor for its VM, -1 if it has none. */
static int find_vm(int pid)
{
	char path[64], link[512], target[128];
	struct dirent *entry;
	int found = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && found < 0 && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		if (n > 0 && (size_t)n == strlen(VM_LINK) && !memcmp(target, VM_LINK, n))
			found = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (found < 0)
		errno = ENODEV;
	return found;
}

static int print_changes(int pid)
{
	char path[64], line[1024];
	FILE *log;

	snprintf(path, sizeof(path), "/sys/kernel/debug/s390dbf/kvm-%d/sprintf", pid);
	log = fopen(path, "r");
	if (!log)
		return fail(path);
	while (fgets(line, sizeof(line), log)) {
		char *change = strstr(line, " CRYCB:");

		if (change && change - line >= 3)
			fputs(change - 3, stdout);
	}
	fclose(log);
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd end = { .events = POLLIN };
	int pid = argc == 2 ? atoi(argv[1]) : 0;
	int vm;

	if (pid <= 0) {
		fprintf(stderr, "usage: crycb_log PID\n");
		return 2;
	}
	end.fd = syscall(SYS_pidfd_open, pid, 0);
	vm = end.fd < 0 ? -1 : find_vm(pid);
	if (vm < 0 || syscall(SYS_pidfd_getfd, end.fd, vm, 0) < 0)
		return fail(argv[1]);
	/* Whoever waits for our first line knows that the log is safe now. */
	printf("watching the CRYCB of process %d\n", pid);
	fflush(stdout);
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	return print_changes(pid);
}
