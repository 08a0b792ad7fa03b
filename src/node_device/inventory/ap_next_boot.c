/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds after the next boot. */
#include "node_device/inventory/ap_next_boot.h"

#include <string.h>

#include "conf/ap_udev_rule.h"
#include "node_device/inventory/ap_host_priv.h"
#include "node_device/inventory/ap_next_boot_priv.h"
#include "util/ap_error.h"

#define COUNT "bindings_complete_count"

const char *const ap_next_boot_rule_dirs[] = {
    "/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d", "/lib/udev/rules.d", NULL,
};

const char *const ap_next_boot_initrd_files[] = {
    "/etc/dracut.conf", "/etc/initramfs-tools/modules", NULL,
};

const char *const ap_next_boot_initrd_dirs[] = {
    "/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d", "/etc/initramfs-tools/conf.d", NULL,
};

/* A file of rules that counts. */
typedef struct {
    const char *name; /* in its directory */
    char *path;
    char *shown; /* its path for messages, borrowed from the next boot */
    char *text;
} Rule;

/* A boot while it is played through. */
typedef struct {
    ApNextBoot *next;
    const Rule *rule;
    ApBootMasks masks;
    gboolean takes_perhaps; /* whether conditions that cannot be judged are met */
    gboolean saw_perhaps;
} Boot;


static void
rule_free(gpointer data)
{
    Rule *rule = data;

    g_free(rule->path);
    g_free(rule->text);
    g_free(rule);
}


/* A text that lives as long as @next; takes it over. */
static char *
keep(ApNextBoot *next, char *text)
{
    g_ptr_array_add(next->strings, text);
    return text;
}


/* The first reason stays. Takes over @why. */
static void
set_unknown(ApNextBoot *next, char *why)
{
    if (next->why_unknown)
        g_free(why);
    else
        next->why_unknown = why;
    next->known = FALSE;
}


/* Parameters of the kernel end at a word "--". The last of a name counts. */
static char *
find_parameter(const char *cmdline, const char *name)
{
    g_auto(GStrv) words = g_strsplit_set(cmdline, " \t\n", -1);
    g_autofree char *value = NULL;

    for (char **word = words; *word && strcmp(*word, "--") != 0; word++) {
        const char *start = **word == '"' ? *word + 1 : *word;

        if (!g_str_has_prefix(start, name))
            continue;
        g_free(value);
        value = g_strdup(start + strlen(name));
        g_strdelimit(value, "\"", ' ');
        g_strstrip(value);
    }
    return g_steal_pointer(&value);
}


/* The manual says that terms such as -5 change a full mask. ap_perms_init() in ap_bus.c applies
 * them to an empty one: that counts only where the mask of now shows it. */
static gboolean
apply_parameter(ApMask *mask, const char *value, const ApMask *now, GError **error)
{
    ApMask from_none = { 0 };

    if (!ap_mask_apply(mask, value, error))
        return FALSE;
    if ((value[0] == '+' || value[0] == '-') && ap_mask_apply(&from_none, value, NULL) &&
        ap_mask_equal(&from_none, now))
        *mask = from_none;
    return TRUE;
}


static void
set_from_cmdline(ApNextBoot *next, const char *cmdline, const char *name, const ApMask *now,
                 ApMask *mask, const char **by)
{
    g_autofree char *value = find_parameter(cmdline, name);
    g_autoptr(GError) error = NULL;

    if (!value)
        return;
    next->cmdline_sets = TRUE;
    *by = AP_NEXT_BOOT_CMDLINE;
    if (!apply_parameter(mask, value, now, &error))
        set_unknown(next, g_strdup_printf(AP_NEXT_BOOT_CMDLINE ": %s %s", name, error->message));
}


/* The masks that the kernel comes up with. */
static ApBootMasks
read_cmdline(ApNextBoot *next)
{
    const ApHost *host = next->host;
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        ap_root_read(host->root, AP_NEXT_BOOT_CMDLINE, AP_ROOT_SMALL_MAX, NULL, &error);
    ApBootMasks masks = { ap_mask_range(0, AP_ID_MAX), ap_mask_range(0, AP_ID_MAX) };

    next->has_cmdline = text != NULL;
    if (text) {
        set_from_cmdline(next, text, "ap.apmask=", &host->apmask, &masks.apmask,
                         &masks.apmask_by);
        set_from_cmdline(next, text, "ap.aqmask=", &host->aqmask, &masks.aqmask,
                         &masks.aqmask_by);
    } else if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        set_unknown(next, g_strdup(error->message));
    }
    return masks;
}


gboolean
ap_next_boot_concerns_rule(const char *text)
{
    return strstr(text, "apmask") || strstr(text, "aqmask") || strstr(text, "driver_override");
}


static void
add_rule(ApNextBoot *next, const char *path, const char *text, GPtrArray *rules)
{
    Rule *rule = g_new0(Rule, 1);

    rule->path = g_strdup(path);
    rule->name = strrchr(rule->path, '/') + 1;
    rule->shown = keep(next, ap_root_describe(next->host->root, rule->path));
    rule->text = g_strdup(text);
    g_ptr_array_add(rules, rule);
}


/* Reads one file of rules. A link to /dev/null stands for no rules. */
static void
read_rule(ApNextBoot *next, ApDir *dir, const char *dir_path, const char *name,
          GPtrArray *rules)
{
    g_autofree char *path = g_strconcat(dir_path, "/", name, NULL);
    g_autoptr(GError) error = NULL;
    gsize length;
    const char *text = ap_dir_read(dir, name, AP_ROOT_LARGE_MAX, &length, &error);

    if (!text) {
        g_autofree char *target = ap_root_read_target(next->host->root, path);

        if (g_strcmp0(target, "/dev/null") != 0 &&
            !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            set_unknown(next, g_strdup(error->message));
        return;
    }
    if (strstr(name, "driverctl"))
        next->no_restorer = NULL;
    if (strlen(text) != length) {
        g_autofree char *shown = ap_root_describe(next->host->root, path);

        set_unknown(next, g_strdup_printf("%s: no text", shown));
        return;
    }
    if (ap_next_boot_concerns_rule(text))
        add_rule(next, path, text, rules);
}


/* Adds the rules of a directory whose names were not @seen in one that goes before it. */
static void
read_rule_dir(ApNextBoot *next, const char *dir_path, GHashTable *seen, GPtrArray *rules)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(next->host->root, dir_path, &error);
    g_autoptr(ApDir) dir = names ? ap_dir_open(next->host->root, dir_path, &error) : NULL;

    if (!dir) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            set_unknown(next, g_strdup(error->message));
        return;
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_suffix(name, ".rules") && g_hash_table_add(seen, g_strdup(name)))
            read_rule(next, dir, dir_path, name, rules);
    }
}


static int
compare_rules(gconstpointer a, gconstpointer b)
{
    const Rule *const *first = a;
    const Rule *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}


/* What chzdev's rule would be, instead of what it is. */
typedef struct {
    gboolean counts;
    const char *text; /* NULL: as if it were not there */
} AsIf;


/* The rules that concern us, in the order in which udev goes through them. */
static GPtrArray *
read_rules(ApNextBoot *next, AsIf as_if)
{
    static const char *const chzdev = AP_NEXT_BOOT_CHZDEV_RULE;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *rules = g_ptr_array_new_with_free_func(rule_free);

    if (as_if.counts)
        g_hash_table_add(seen, g_strdup(strrchr(chzdev, '/') + 1));
    if (as_if.counts && as_if.text)
        add_rule(next, chzdev, as_if.text, rules);
    for (const char *const *dir = ap_next_boot_rule_dirs; *dir; dir++) {
        read_rule_dir(next, *dir, seen, rules);
        /* Without it, one of the same name in another directory would act. */
        if (as_if.counts && !as_if.text && dir == ap_next_boot_rule_dirs)
            g_hash_table_remove(seen, strrchr(chzdev, '/') + 1);
    }
    g_ptr_array_sort(rules, compare_rules);
    return rules;
}


/* Whether the path of an attribute ends in @name. */
gboolean
ap_next_boot_is_attribute(const char *path, const char *name)
{
    gsize length = strlen(name);

    return g_str_has_suffix(path, name) &&
           (strlen(path) == length || strchr("/]", path[strlen(path) - length - 1]));
}


static void
set_mask(const char *attribute, const char *value, gboolean surely, gpointer data)
{
    Boot *boot = data;
    gboolean is_apmask = attribute && ap_next_boot_is_attribute(attribute, "apmask");
    ApMask *mask = is_apmask ? &boot->masks.apmask : &boot->masks.aqmask;
    g_autoptr(GError) error = NULL;

    if (!attribute) {
        if (strstr(value, "apmask") || strstr(value, "aqmask"))
            set_unknown(boot->next, g_strdup_printf("%s: it runs a program to set masks: '%s'",
                                                    boot->rule->shown, value));
        return;
    }
    if (!is_apmask && !ap_next_boot_is_attribute(attribute, "aqmask"))
        return;
    boot->saw_perhaps |= !surely;
    if (!surely && !boot->takes_perhaps)
        return;
    if (is_apmask)
        boot->masks.apmask_by = boot->rule->shown;
    else
        boot->masks.aqmask_by = boot->rule->shown;
    if (!g_ptr_array_find(boot->next->rules, boot->rule->shown, NULL))
        g_ptr_array_add(boot->next->rules, boot->rule->shown);
    if (!ap_mask_apply(mask, value, &error))
        set_unknown(boot->next,
                    g_strdup_printf("%s: %s: %s", boot->rule->shown,
                                    is_apmask ? "apmask" : "aqmask", error->message));
}


static void
send(Boot *boot, const GPtrArray *rules, const ApUdevEvent *event)
{
    for (guint i = 0; i < rules->len; i++) {
        boot->rule = rules->pdata[i];
        ap_udev_rule_run(boot->rule->text, event, set_mask, boot);
    }
}


/* udev first hears of what was there before it ("add"), then of what comes. In the initrd it has
 * other rules: what zcrypt had bound there, BINDINGS=complete, is over when ours are read. */
static void
play(Boot *boot, const GPtrArray *rules, gboolean bound_in_initrd)
{
    static const char *const nothing[] = { "BINDINGS", "COMPLETECOUNT", NULL };
    static const char *const complete[] = { "BINDINGS=complete", "COMPLETECOUNT=1", NULL };
    static const char *const no_count[] = { COUNT, NULL };
    static const char *const zero[] = { COUNT "=0", NULL };
    static const char *const one[] = { COUNT "=1", NULL };
    gboolean counts = ap_root_exists(boot->next->host->root, "/sys/bus/ap/" COUNT);
    const char *const *count = !counts ? no_count : bound_in_initrd ? one : zero;
    const ApUdevEvent bus = { "add", "subsystem", "ap", "/bus/ap", nothing, count };
    const ApUdevEvent device = { "add", "ap", "ap", "/devices/ap", nothing, no_count };
    const ApUdevEvent bound = { "change", "ap", "ap", "/devices/ap", complete, no_count };

    send(boot, rules, &bus);
    send(boot, rules, &device);
    if (!bound_in_initrd)
        send(boot, rules, &bound);
}


gboolean
ap_next_boot_names_zcrypt(const char *text)
{
    return strstr(text, "zcrypt") || strstr(text, "pkey") || strstr(text, "zkey");
}


static char *
find_in_file(const ApRoot *root, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, NULL, NULL);

    return text && (ap_next_boot_names_zcrypt(name) || ap_next_boot_names_zcrypt(text))
               ? ap_root_describe(root, path)
               : NULL;
}


/* The file that has zcrypt loaded in the initrd; NULL if there is none. */
static char *
find_initrd_file(const ApRoot *root)
{
    char *found = NULL;

    for (const char *const *file = ap_next_boot_initrd_files; *file && !found; file++)
        found = find_in_file(root, *file);
    for (const char *const *dir = ap_next_boot_initrd_dirs; *dir && !found; dir++) {
        g_autoptr(GPtrArray) names = ap_root_list(root, *dir, NULL);

        for (guint i = 0; names && i < names->len && !found; i++) {
            g_autofree char *path = g_strconcat(*dir, "/", names->pdata[i], NULL);

            found = find_in_file(root, path);
        }
    }
    return found;
}


static gboolean
is_same(const ApBootMasks *a, const ApBootMasks *b)
{
    return ap_mask_equal(&a->apmask, &b->apmask) && ap_mask_equal(&a->aqmask, &b->aqmask);
}


/* Adds an outcome unless one comes to the same. Takes over @because and @mend. */
static void
add_outcome(ApNextBoot *next, const ApBootMasks *masks, char *because, char *mend)
{
    ApBootMasks outcome = *masks;

    outcome.because = because ? keep(next, because) : NULL;
    outcome.mend = mend ? keep(next, mend) : NULL;
    for (guint i = 0; i < next->outcomes->len; i++) {
        if (is_same(&g_array_index(next->outcomes, ApBootMasks, i), masks))
            return;
    }
    g_array_append_val(next->outcomes, outcome);
}


static char *
list_rules(const ApNextBoot *next)
{
    g_autofree char **names = g_new0(char *, next->rules->len + 1);

    for (guint i = 0; i < next->rules->len; i++)
        names[i] = next->rules->pdata[i];
    return g_strjoinv(" and ", names);
}


/* How a rule gets to act on what comes before it. What somebody wrote is not to be written again by
 * chzdev. */
static char *
suggest_later_event(const ApNextBoot *next, const GPtrArray *rules)
{
    const ApBootMasks *meant = ap_next_boot_get_masks(next);
    g_autofree char *command =
        ap_next_boot_format_masks(&meant->apmask, &meant->aqmask, "--persistent");

    for (guint i = 0; i < rules->len; i++) {
        const Rule *rule = rules->pdata[i];

        if (!strstr(rule->text, "Generated by chzdev"))
            return g_strdup_printf("let %s act on the event ACTION==\"add\", DEVPATH==\"/bus/ap\", "
                                   "too",
                                   rule->shown);
    }
    return g_strdup_printf("let a chzdev that knows bindings_complete_count write it again: `%s`",
                           command);
}


/* What else may come, where a rule has to be lucky. */
static void
add_mishaps(ApNextBoot *next, const GPtrArray *rules, const ApBootMasks *start,
            gboolean saw_perhaps)
{
    g_autofree char *names = list_rules(next);
    g_autofree char *initrd_file = NULL;
    Boot boot = { .next = next, .masks = *start, .takes_perhaps = TRUE };

    play(&boot, rules, TRUE);
    if (!is_same(&boot.masks, ap_next_boot_get_masks(next)))
        initrd_file = find_initrd_file(next->host->root);
    if (initrd_file)
        add_outcome(next, &boot.masks,
                    g_strdup_printf("%s waits for BINDINGS=complete, which passes in the initrd "
                                    "where %s has zcrypt loaded",
                                    names, initrd_file),
                    suggest_later_event(next, rules));
    if (!saw_perhaps)
        return;
    boot.masks = *start;
    boot.takes_perhaps = FALSE;
    play(&boot, rules, initrd_file != NULL);
    add_outcome(next, &boot.masks,
                g_strdup_printf("%s has conditions that only udev can judge", names),
                g_strdup_printf("see to it that the conditions in %s are met at boot", names));
}


/* Where the command line is not known the masks of now stand for it, if no rule has set them. */
static void
take_from_now(ApNextBoot *next)
{
    const ApBootMasks meant = *ap_next_boot_get_masks(next);

    if (next->has_cmdline || !next->host->masks_known)
        return;
    for (guint i = 0; i < next->outcomes->len; i++) {
        ApBootMasks *masks = &g_array_index(next->outcomes, ApBootMasks, i);

        if (!meant.apmask_by)
            masks->apmask = next->host->apmask;
        if (!meant.aqmask_by)
            masks->aqmask = next->host->aqmask;
    }
}


static void
compute_masks(ApNextBoot *next, const GPtrArray *rules)
{
    ApBootMasks start = read_cmdline(next);
    Boot boot = { .next = next, .masks = start, .takes_perhaps = TRUE };

    next->booted_apmask = start.apmask;
    next->booted_aqmask = start.aqmask;
    play(&boot, rules, FALSE);
    add_outcome(next, &boot.masks, NULL, NULL);
    add_mishaps(next, rules, &start, boot.saw_perhaps);
    take_from_now(next);
}


static void
read_records(ApNextBoot *next, GPtrArray *problems)
{
    const ApRoot *root = next->host->root;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(root, AP_NEXT_BOOT_RECORDS, &error);

    if (!names && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add(problems, g_steal_pointer(&error), NULL, FALSE);
    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *path = g_strconcat(AP_NEXT_BOOT_RECORDS "/", name, NULL);
        g_autofree char *driver = NULL;
        ApApqn apqn;

        if (!g_str_has_prefix(name, AP_NEXT_BOOT_RECORD_PREFIX) ||
            !ap_apqn_parse(name + strlen(AP_NEXT_BOOT_RECORD_PREFIX), &apqn))
            continue;
        driver = ap_root_read(root, path, AP_ROOT_SMALL_MAX, NULL, &error);
        if (!driver)
            ap_problem_add(problems, g_steal_pointer(&error), NULL, FALSE);
        else if (g_strstrip(driver)[0] != '\0')
            g_hash_table_insert(next->records, ap_next_boot_record_key(apqn),
                                g_steal_pointer(&driver));
    }
}


static void
keep_override_rules(ApNextBoot *next, GPtrArray *rules)
{
    for (guint i = 0; i < rules->len; i++) {
        Rule *rule = rules->pdata[i];

        if (strstr(rule->text, "driver_override"))
            g_ptr_array_add(next->override_rules, g_steal_pointer(&rule->text));
    }
}


static ApNextBoot *
load(ApHost *host, AsIf as_if, GPtrArray *problems)
{
    ApNextBoot *next = g_new0(ApNextBoot, 1);
    guint n_denials = ap_root_count_denials(host->root);
    g_autoptr(GPtrArray) rules = NULL;

    next->known = TRUE;
    next->host = host;
    next->rules = g_ptr_array_new();
    next->outcomes = g_array_new(FALSE, TRUE, sizeof(ApBootMasks));
    next->records = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    next->override_rules = g_ptr_array_new_with_free_func(g_free);
    next->strings = g_ptr_array_new_with_free_func(g_free);
    /* A captured host need not have the distribution's rules. */
    if (ap_root_exists(host->root, "/usr/lib/udev/rules.d") ||
        ap_root_exists(host->root, "/lib/udev/rules.d"))
        next->no_restorer = "no udev rule of driverctl restores it";
    rules = read_rules(next, as_if);
    compute_masks(next, rules);
    next->denied = ap_root_count_denials(host->root) > n_denials;
    read_records(next, problems);
    keep_override_rules(next, rules);
    if (!next->known)
        ap_problem_add_hidden(problems,
                              g_error_new(AP_ERROR,
                                          next->denied ? AP_ERROR_DENIED : AP_ERROR_MASK, "%s",
                                          next->why_unknown),
                              AP_PROBLEM_HIDES_BOOT);
    /* That the masks cannot be read is told already. */
    if (!next->has_cmdline && !host->masks_known && host->has_bus && next->rules->len == 0)
        set_unknown(next, g_strdup("neither the masks nor " AP_NEXT_BOOT_CMDLINE
                                   " can be read"));
    return next;
}


ApNextBoot *
ap_next_boot_load(ApHost *host, GPtrArray *problems)
{
    return load(host, (AsIf){ 0 }, problems);
}


ApNextBoot *
ap_next_boot_load_as_if(ApHost *host, const char *rule, GPtrArray *problems)
{
    return load(host, (AsIf){ TRUE, rule }, problems);
}


void
ap_next_boot_free(ApNextBoot *next)
{
    if (!next)
        return;
    g_free(next->why_unknown);
    g_ptr_array_unref(next->rules);
    g_array_unref(next->outcomes);
    g_hash_table_unref(next->records);
    g_ptr_array_unref(next->override_rules);
    g_ptr_array_unref(next->strings);
    g_free(next);
}


const ApBootMasks *
ap_next_boot_get_masks(const ApNextBoot *next)
{
    return &g_array_index(next->outcomes, ApBootMasks, 0);
}
