// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_emu: control, state, counters and resets below /sys/kernel/debug/ap_emu.
 *
 * README.rst next to this file is the reference of the commands.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "ap_emu.h"

/* One write is read up to here; a longer one is taken in pieces that end with a line. */
#define CONTROL_CHUNK	SZ_64K

/* Writers of control exclude each other and readers of state. */
static DEFINE_MUTEX(control_mutex);

/* Decimal or 0x; never octal, no sign, no blanks. Sets *ret_value only when it returns 0. */
static int parse_number(const char *text, unsigned int *ret_value)
{
	bool hex = text[0] == '0' && tolower(text[1]) == 'x';

	if (!isdigit(text[0]) || (text[0] == '0' && text[1] && !hex))
		return -EINVAL;
	return kstrtouint(text, hex ? 16 : 10, ret_value);
}

static int parse_bool(const char *text, bool *ret_value)
{
	if (strcmp(text, "0") && strcmp(text, "1"))
		return -EINVAL;
	*ret_value = text[0] == '1';
	return 0;
}

/* Exactly @digits hex digits. */
static int parse_hex(const char *text, unsigned int digits, unsigned int *ret_value)
{
	unsigned int i;

	for (i = 0; i < digits; i++)
		if (!isxdigit(text[i]))
			return -EINVAL;
	return text[digits] ? -EINVAL : kstrtouint(text, 16, ret_value);
}

/* AA.DDDD, as lszcrypt prints an APQN. */
static int parse_apqn(char *text, unsigned int *ret_apid, unsigned int *ret_apqi)
{
	char *dot = strchr(text, '.');
	int rc;

	if (!dot)
		return -EINVAL;
	*dot = '\0';
	rc = parse_hex(text, 2, ret_apid) ?: parse_hex(dot + 1, 4, ret_apqi);
	*dot = '.';
	return rc;
}

static int parse_type(const char *text, u8 *ret_type)
{
	unsigned int number;

	if (strncmp(text, "cex", 3) || parse_hex(text + 3, 1, &number) || number < 4 || number > 8)
		return -EINVAL;
	*ret_type = AP_EMU_TYPE_CEX4 + number - 4;
	return 0;
}

static int run_adapter_add(char **args)
{
	unsigned int apid;
	u8 type;
	int mode, rc;

	rc = parse_number(args[0], &apid) ?: parse_type(args[1], &type);
	if (rc)
		return rc;
	mode = match_string(ap_emu_mode_names, AP_EMU_MODES, args[2]);
	if (mode < 0)
		return -EINVAL;
	return ap_emu_adapter_add(apid, type, mode);
}

static int run_adapter_remove(char **args)
{
	unsigned int apid;

	return parse_number(args[0], &apid) ?: ap_emu_adapter_remove(apid);
}

static int run_adapter_configured(char **args)
{
	unsigned int apid;
	bool on;
	int rc;

	rc = parse_number(args[0], &apid) ?: parse_bool(args[1], &on);
	return rc ?: ap_emu_adapter_set_configured(apid, on);
}

static int run_adapter_checkstopped(char **args)
{
	unsigned int apid;
	bool on;
	int rc;

	rc = parse_number(args[0], &apid) ?: parse_bool(args[1], &on);
	return rc ?: ap_emu_adapter_set_checkstopped(apid, on);
}

static int run_domain_add(char **args)
{
	unsigned int apqi;

	return parse_number(args[0], &apqi) ?: ap_emu_domain_add(apqi);
}

static int run_domain_remove(char **args)
{
	unsigned int apqi;

	return parse_number(args[0], &apqi) ?: ap_emu_domain_remove(apqi);
}

static int run_control_domain_add(char **args)
{
	unsigned int apqi;

	return parse_number(args[0], &apqi) ?: ap_emu_control_domain_add(apqi);
}

static int run_control_domain_remove(char **args)
{
	unsigned int apqi;

	return parse_number(args[0], &apqi) ?: ap_emu_control_domain_remove(apqi);
}

static int run_queue_reset_polls(char **args)
{
	unsigned int apid, apqi, polls;
	int rc;

	rc = parse_apqn(args[0], &apid, &apqi) ?: parse_number(args[1], &polls);
	if (rc)
		return rc;
	if (polls > U16_MAX)
		return -ERANGE;
	return ap_emu_queue_set_reset_polls(apid, apqi, polls);
}

static int run_queue_reset_response(char **args)
{
	unsigned int apid, apqi, response;
	int rc;

	rc = parse_apqn(args[0], &apid, &apqi) ?: parse_hex(args[1], 2, &response);
	return rc ?: ap_emu_queue_set_reset_response(apid, apqi, response);
}

static int run_clear(char **args)
{
	ap_emu_topology_clear();
	return 0;
}

/**
 * struct command - one form of a line: OBJECT ID VERB ARG...
 * @object: first word
 * @verb: third word; NULL: the object is the whole line
 * @args: number of words after the verb
 * @run: does it; args[0] is the id, the others are what follows the verb
 */
struct command {
	const char *object;
	const char *verb;
	int args;
	int (*run)(char **args);
};

static const struct command commands[] = {
	{ "adapter", "add", 2, run_adapter_add },
	{ "adapter", "remove", 0, run_adapter_remove },
	{ "adapter", "configured", 1, run_adapter_configured },
	{ "adapter", "checkstopped", 1, run_adapter_checkstopped },
	{ "domain", "add", 0, run_domain_add },
	{ "domain", "remove", 0, run_domain_remove },
	{ "control-domain", "add", 0, run_control_domain_add },
	{ "control-domain", "remove", 0, run_control_domain_remove },
	{ "queue", "reset-polls", 1, run_queue_reset_polls },
	{ "queue", "reset-response", 1, run_queue_reset_response },
	{ "clear", NULL, 0, run_clear },
};

/* The longest command has five words; a sixth shows that there are too many. */
#define MAX_WORDS	5

static int split_words(char *line, char *ret_words[MAX_WORDS + 1])
{
	char *word;
	int n = 0;

	while ((word = strsep(&line, " \t")) && n <= MAX_WORDS)
		if (*word)
			ret_words[n++] = word;
	return n;
}

static int run_line(char *line)
{
	char *words[MAX_WORDS + 1];
	int i, n = split_words(line, words);

	if (!n)
		return 0;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];

		if (strcmp(words[0], command->object))
			continue;
		if (!command->verb) {
			if (n == 1)
				return command->run(NULL);
		} else if (n == command->args + 3 && !strcmp(words[2], command->verb)) {
			words[2] = words[1];
			return command->run(&words[2]);
		}
	}
	return -EINVAL;
}

/* Lines before the one that fails are done; it and those behind it are not. */
static int run_lines(char *text)
{
	char *line, *copy;
	int number = 0, rc;

	while ((line = strsep(&text, "\n"))) {
		number++;
		copy = kstrdup(line, GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		rc = run_line(copy);
		kfree(copy);
		if (rc) {
			pr_err("control, line %d: '%.64s': error %d\n", number, line, rc);
			return rc;
		}
	}
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	size_t taken = min_t(size_t, count, CONTROL_CHUNK);
	char *text, *end;
	int rc;

	text = memdup_user_nul(from, taken);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (strlen(text) != taken) {
		rc = -EINVAL;
		goto out;
	}
	if (taken < count) {
		end = strrchr(text, '\n');
		if (!end) {
			rc = -EINVAL;
			goto out;
		}
		end[1] = '\0';
		taken = end + 1 - text;
	}

	mutex_lock(&control_mutex);
	rc = run_lines(text);
	mutex_unlock(&control_mutex);
out:
	kfree(text);
	return rc ?: taken;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static void show_queue_faults(struct seq_file *seq, unsigned int apid, unsigned int apqi)
{
	const struct ap_emu_queue *queue = &ap_emu.queue[apid][apqi];

	if (queue->reset_polls)
		seq_printf(seq, "queue %02x.%04x reset-polls %u\n", apid, apqi, queue->reset_polls);
	if (queue->reset_response)
		seq_printf(seq, "queue %02x.%04x reset-response %02x\n", apid, apqi,
			   queue->reset_response);
}

/*
 * The commands that lead here from nothing. Only writers of control change what is read, and they
 * are shut out: no need for the lock of the instructions.
 */
static int state_show(struct seq_file *seq, void *unused)
{
	const struct ap_emu_adapter *adapter;
	unsigned int apid, apqi;

	mutex_lock(&control_mutex);
	for_each_set_bit_inv(apid, ap_emu.apm, AP_EMU_ADAPTERS) {
		adapter = &ap_emu.adapter[apid];
		seq_printf(seq, "adapter 0x%02x add cex%u %s\n", apid,
			   adapter->type - AP_EMU_TYPE_CEX4 + 4, ap_emu_mode_names[adapter->mode]);
		if (!adapter->configured)
			seq_printf(seq, "adapter 0x%02x configured 0\n", apid);
		if (adapter->checkstopped)
			seq_printf(seq, "adapter 0x%02x checkstopped 1\n", apid);
	}
	for_each_set_bit_inv(apqi, ap_emu.aqm, AP_EMU_DOMAINS)
		seq_printf(seq, "domain 0x%04x add\n", apqi);
	for_each_set_bit_inv(apqi, ap_emu.adm, AP_EMU_DOMAINS)
		seq_printf(seq, "control-domain 0x%04x add\n", apqi);
	for_each_set_bit_inv(apid, ap_emu.apm, AP_EMU_ADAPTERS)
		for_each_set_bit_inv(apqi, ap_emu.aqm, AP_EMU_DOMAINS)
			show_queue_faults(seq, apid, apqi);
	mutex_unlock(&control_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int counters_show(struct seq_file *seq, void *unused)
{
	u64 counters[AP_EMU_COUNTERS];
	int i;

	ap_emu_counters_read(counters);
	for (i = 0; i < AP_EMU_COUNTERS; i++)
		seq_printf(seq, "%s %llu\n", ap_emu_counter_names[i], counters[i]);
	return 0;
}

static int counters_open(struct inode *inode, struct file *file)
{
	return single_open(file, counters_show, NULL);
}

/* Whatever is written, all counters are zero afterwards, those in resets too. */
static ssize_t counters_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	ap_emu_counters_clear();
	return count;
}

static const struct file_operations counters_fops = {
	.owner = THIS_MODULE,
	.open = counters_open,
	.read = seq_read,
	.write = counters_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int resets_show(struct seq_file *seq, void *unused)
{
	unsigned int apid, apqi;
	u32 rapq, zapq;

	for (apid = 0; apid < AP_EMU_ADAPTERS; apid++) {
		for (apqi = 0; apqi < AP_EMU_DOMAINS; apqi++) {
			rapq = READ_ONCE(ap_emu.queue[apid][apqi].rapq);
			zapq = READ_ONCE(ap_emu.queue[apid][apqi].zapq);
			if (rapq || zapq)
				seq_printf(seq, "%02x.%04x rapq %u zapq %u\n", apid, apqi, rapq,
					   zapq);
		}
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(resets);

/* debugfs tells of its own errors, and the machine works without it: with no adapter at all. */
void __init ap_emu_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("ap_emu", NULL);

	debugfs_create_file("control", 0600, dir, NULL, &control_fops);
	debugfs_create_file("state", 0400, dir, NULL, &state_fops);
	debugfs_create_file("counters", 0600, dir, NULL, &counters_fops);
	debugfs_create_file("resets", 0400, dir, NULL, &resets_fops);
}
