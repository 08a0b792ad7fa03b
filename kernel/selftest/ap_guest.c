// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_guest: a virtual machine that does nothing but hold an AP matrix.
 *
 *   ap_guest UUID ...          for each mdev: a VM takes it, the masks that KVM put into its
 *                              CRYCB are printed, the VM ends
 *   ap_guest --hold UUID       the same for one, but the VM ends only when standard input does
 *
 * A line of output is "UUID apm MASK aqm MASK adm MASK" with the digits of KVM's own log
 * (VM_EVENT in kvm_arch_crypto_set_masks(), /sys/kernel/debug/s390dbf/kvm-PID/sprintf), or
 * "UUID none" when KVM set no mask. The last masks that were logged count.
 *
 * It needs no QEMU, so that hundreds of matrices can be tried in a minute, on the lab and on a
 * real machine alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <linux/vfio.h>

#define MARK "SET CRYCB: "

static void fail(const char *what)
{
	fprintf(stderr, "ap_guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int checked(int result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

/* A VM whose CPU model has AP: what QEMU does for -cpu ...,ap=on. */
static int create_vm(void)
{
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_CRYPTO,
		.attr = KVM_S390_VM_CRYPTO_ENABLE_APIE,
	};
	int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");

	checked(ioctl(vm, KVM_SET_DEVICE_ATTR, &attr), "KVM_S390_VM_CRYPTO_ENABLE_APIE");
	return vm;
}

static int open_group(const char *uuid)
{
	char link[256], target[256], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/bus/mdev/devices/%s/iommu_group", uuid);
	n = checked(readlink(link, target, sizeof(target) - 1), link);
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	return checked(open(path, O_RDWR | O_CLOEXEC), path);
}

/* Opening the device is what makes vfio_ap set the masks: the group must know its VM by then. */
static void give_mdev(int vm, const char *uuid)
{
	int container = checked(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "/dev/vfio/vfio");
	int group = open_group(uuid);
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = KVM_DEV_VFIO_GROUP_ADD,
		.addr = (unsigned long)&group,
	};

	checked(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "VFIO_GROUP_SET_CONTAINER");
	checked(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
	checked(ioctl(vm, KVM_CREATE_DEVICE, &device), "KVM_CREATE_DEVICE");
	checked(ioctl(device.fd, KVM_SET_DEVICE_ATTR, &attr), "KVM_DEV_VFIO_GROUP_ADD");
	checked(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid), "VFIO_GROUP_GET_DEVICE_FD");
}

/*
 * Format 2 logs a line for each mask, "apm D D D D"; formats 0 and 1 log one line,
 * "apm D aqm D adm D". So a mask is the words behind its name that have 4 or 16 digits.
 */
static void keep_masks(char *text, char masks[3][128])
{
	static const char *const names[3] = { "apm", "aqm", "adm" };
	char *rest = text, *word;
	int current = -1;

	while ((word = strsep(&rest, " \n"))) {
		int i;

		for (i = 0; i < 3 && strcmp(word, names[i]); i++)
			;
		if (i < 3) {
			current = i;
			masks[i][0] = '\0';
		} else if (current >= 0 && (strlen(word) == 4 || strlen(word) == 16)) {
			size_t used = strlen(masks[current]);

			snprintf(masks[current] + used, sizeof(masks[current]) - used, "%s%s",
				 used ? " " : "", word);
		}
	}
}

static void print_masks(const char *uuid)
{
	char path[128], line[1024], masks[3][128] = { "", "", "" };
	FILE *log;

	snprintf(path, sizeof(path), "/sys/kernel/debug/s390dbf/kvm-%d/sprintf", getpid());
	log = fopen(path, "r");
	if (!log)
		fail(path);
	while (fgets(line, sizeof(line), log)) {
		char *found = strstr(line, MARK);

		if (found)
			keep_masks(found + strlen(MARK), masks);
	}
	fclose(log);
	if (masks[0][0] == '\0')
		printf("%s none\n", uuid);
	else
		printf("%s apm %s aqm %s adm %s\n", uuid, masks[0], masks[1], masks[2]);
	fflush(stdout);
}

static void wait_for_end_of_input(void)
{
	char buffer[256];

	while (read(STDIN_FILENO, buffer, sizeof(buffer)) > 0)
		;
}

/* A process of its own: KVM's log is named by the id of the process that made the VM. */
static int run_guest(const char *uuid, int hold)
{
	pid_t child = checked(fork(), "fork");
	int status;

	if (child == 0) {
		give_mdev(create_vm(), uuid);
		print_masks(uuid);
		if (hold)
			wait_for_end_of_input();
		exit(0);
	}
	checked(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	int hold = argc == 3 && strcmp(argv[1], "--hold") == 0;
	int result = 0;
	int i;

	if (argc < 2 || (argv[1][0] == '-' && !hold)) {
		fprintf(stderr, "usage: ap_guest UUID ... | ap_guest --hold UUID\n");
		return 2;
	}
	for (i = 1 + hold; i < argc; i++)
		result |= run_guest(argv[i], hold);
	return result;
}
