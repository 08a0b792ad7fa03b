/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file. */
#include "conf/ap_config.h"

#include <string.h>

#include "conf/ap_card_kind.h"
#include "conf/ap_config_text.h"
#include "util/ap_error.h"
#include "util/ap_id.h"

#define LOCK_TIMEOUT_DEFAULT_S 30
#define LOCK_TIMEOUT_MAX_S 600

/* [exception NAME]: NULL conditions match everything. */
typedef struct {
    char *mdev;
    char *guest;
    char *pool;
    int severities[AP_N_CODES]; /* -1: not named */
} Exception;

/* The file while it is read. */
typedef struct {
    GKeyFile *file;
    const char *path;
    ApConfig *config;
} Reader;


static void
exception_free(gpointer data)
{
    Exception *exception = data;

    g_free(exception->mdev);
    g_free(exception->guest);
    g_free(exception->pool);
    g_free(exception);
}


static void
pool_free(gpointer data)
{
    ApPool *pool = data;

    g_free(pool->name);
    g_strfreev(pool->guests);
    g_free(pool);
}


ApConfig *
ap_config_new(void)
{
    ApConfig *config = g_rc_box_new0(ApConfig);

    config->lock_timeout_s = LOCK_TIMEOUT_DEFAULT_S;
    config->start_guests = TRUE;
    config->pools = g_ptr_array_new_with_free_func(pool_free);
    config->exceptions = g_ptr_array_new_with_free_func(exception_free);
    memset(config->severities, -1, sizeof(config->severities));
    return config;
}


static void
config_clear(gpointer data)
{
    ApConfig *config = data;

    g_ptr_array_unref(config->pools);
    g_ptr_array_unref(config->exceptions);
}


ApConfig *
ap_config_ref(ApConfig *config)
{
    return g_rc_box_acquire(config);
}


void
ap_config_unref(ApConfig *config)
{
    if (config)
        g_rc_box_release_full(config, config_clear);
}


static gboolean
set_key_error(Reader *reader, const char *group, const char *key, GError **error,
              const char *format, ...) G_GNUC_PRINTF(5, 6);

static gboolean
set_key_error(Reader *reader, const char *group, const char *key, GError **error,
              const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s: [%s] %s: %s", reader->path, group, key,
                message);
    return FALSE;
}


/* The value of a key, blanks around it removed. */
static char *
get_value(Reader *reader, const char *group, const char *key)
{
    char *value = g_key_file_get_value(reader->file, group, key, NULL);

    return g_strstrip(value);
}


static gboolean
read_severity(Reader *reader, const char *group, const char *key, ApCode *ret_code,
              ApSeverity *ret_severity, GError **error)
{
    g_autofree char *value = get_value(reader, group, key);

    if (!ap_code_from_string(key, ret_code))
        return set_key_error(reader, group, key, error, "unknown key");
    if (!ap_severity_from_string(value, ret_severity))
        return set_key_error(reader, group, key, error,
                             "'%s' is no severity: wanted allow, warn or reject", value);
    return TRUE;
}


/* [severity] sets all phases that [severity PHASE] has not set, wherever that stands. */
static gboolean
read_severities(Reader *reader, const char *group, const char *phase_name, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reader->file, group, NULL, NULL);
    ApPhase phase = AP_N_PHASES;

    /* An audit takes what the phases say that it goes through. */
    if (phase_name && (!ap_phase_from_string(phase_name, &phase) || phase == AP_PHASE_AUDIT)) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                    "%s: [%s]: unknown phase: wanted define, start, live, stop, guest or free",
                    reader->path, group);
        return FALSE;
    }
    for (char **key = keys; *key; key++) {
        ApSeverity severity;
        ApCode code;

        if (!read_severity(reader, group, *key, &code, &severity, error))
            return FALSE;
        if (phase_name) {
            reader->config->severities[code][phase] = severity;
            continue;
        }
        for (guint p = 0; p < AP_N_PHASES; p++) {
            g_autofree char *own = g_strdup_printf("severity %s", ap_phase_to_string(p));

            if (!g_key_file_has_key(reader->file, own, *key, NULL))
                reader->config->severities[code][p] = severity;
        }
    }
    return TRUE;
}


/* Names with semicolons between them; NULL if one of them cannot be meant so. */
static char **
read_names(Reader *reader, const char *group, const char *key, GError **error)
{
    g_autofree char *value = get_value(reader, group, key);
    g_autoptr(GError) local = NULL;
    char **names = ap_config_text_split_names(value, &local);

    if (!names)
        set_key_error(reader, group, key, error, "%s", local->message);
    return names;
}


static char *
read_name(Reader *reader, const char *group, const char *key, GError **error)
{
    g_auto(GStrv) names = read_names(reader, group, key, error);

    if (!names)
        return NULL;
    if (g_strv_length(names) == 1)
        return g_strdup(names[0]);
    set_key_error(reader, group, key, error, "wanted one name\n"
                  "what holds for several guests: a pool, or an exception for each of them");
    return NULL;
}


static gboolean
read_exception(Reader *reader, const char *group, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reader->file, group, NULL, NULL);
    Exception *exception = g_new0(Exception, 1);

    g_ptr_array_add(reader->config->exceptions, exception);
    memset(exception->severities, -1, sizeof(exception->severities));
    for (char **key = keys; *key; key++) {
        g_autofree char *value = get_value(reader, group, *key);
        ApSeverity severity;
        ApCode code;

        if (strcmp(*key, "mdev") == 0) {
            exception->mdev = ap_uuid_normalize(value);
            if (!exception->mdev)
                return set_key_error(reader, group, *key, error, "'%s' is not a UUID", value);
        } else if (strcmp(*key, "guest") == 0) {
            exception->guest = read_name(reader, group, *key, error);
            if (!exception->guest)
                return FALSE;
        } else if (strcmp(*key, "pool") == 0) {
            exception->pool = read_name(reader, group, *key, error);
            if (!exception->pool)
                return FALSE;
        } else {
            if (!read_severity(reader, group, *key, &code, &severity, error))
                return FALSE;
            exception->severities[code] = severity;
        }
    }
    if (!exception->mdev && !exception->guest && !exception->pool)
        return set_key_error(reader, group, "mdev", error,
                             "an exception needs an mdev, a guest or a pool");
    return TRUE;
}


/* "5", "0x05-0x07", or several separated by commas. */
static gboolean
read_ids(Reader *reader, const char *group, const char *key, ApMask *ret_mask, GError **error)
{
    g_autofree char *value = get_value(reader, group, key);
    g_autoptr(GError) local = NULL;

    return ap_mask_parse_list(value, ret_mask, &local) ||
           set_key_error(reader, group, key, error, "%s", local->message);
}


/* What the cards of a pool are. */
static gboolean
read_kind(Reader *reader, const char *group, const char *key, ApPool *pool, GError **error)
{
    g_autofree char *value = get_value(reader, group, key);
    g_autoptr(GError) local = NULL;

    if (strcmp(key, "mode") == 0)
        pool->mode = ap_card_kind_parse_mode(value, &local);
    else
        ap_card_kind_parse_type(value, &pool->min_generation, &local);
    return !local || set_key_error(reader, group, key, error, "%s", local->message);
}


static gboolean
read_pool(Reader *reader, const char *group, const char *name, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reader->file, group, NULL, NULL);
    ApPool *pool = g_new0(ApPool, 1);

    g_ptr_array_add(reader->config->pools, pool);
    pool->name = g_strdup(name);
    for (char **key = keys; *key; key++) {
        if (strcmp(*key, "adapters") == 0) {
            if (!read_ids(reader, group, *key, &pool->adapters, error))
                return FALSE;
        } else if (strcmp(*key, "domains") == 0) {
            if (!read_ids(reader, group, *key, &pool->domains, error))
                return FALSE;
        } else if (strcmp(*key, "control-domains") == 0) {
            if (!read_ids(reader, group, *key, &pool->control_domains, error))
                return FALSE;
        } else if (strcmp(*key, "mode") == 0 || strcmp(*key, "min-type") == 0) {
            if (!read_kind(reader, group, *key, pool, error))
                return FALSE;
        } else if (strcmp(*key, "guests") == 0) {
            pool->guests = read_names(reader, group, *key, error);
            if (!pool->guests)
                return FALSE;
        } else {
            return set_key_error(reader, group, *key, error, "unknown key");
        }
    }
    if (!pool->guests)
        pool->guests = g_new0(char *, 1);
    return TRUE;
}


static gboolean
read_lock(Reader *reader, const char *group, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reader->file, group, NULL, NULL);

    for (char **key = keys; *key; key++) {
        g_autofree char *value = get_value(reader, group, *key);
        guint64 seconds;

        if (strcmp(*key, "timeout") != 0)
            return set_key_error(reader, group, *key, error, "unknown key");
        if (!g_ascii_string_to_unsigned(value, 10, 0, LOCK_TIMEOUT_MAX_S, &seconds, NULL))
            return set_key_error(reader, group, *key, error,
                                 "'%s' is not a number of seconds: wanted 0..%d", value,
                                 LOCK_TIMEOUT_MAX_S);
        reader->config->lock_timeout_s = seconds;
    }
    return TRUE;
}


static gboolean
read_guests(Reader *reader, const char *group, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reader->file, group, NULL, NULL);

    for (char **key = keys; *key; key++) {
        g_autofree char *value = get_value(reader, group, *key);

        if (strcmp(*key, "start") != 0)
            return set_key_error(reader, group, *key, error, "unknown key");
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return set_key_error(reader, group, *key, error, "'%s': wanted yes or no", value);
        reader->config->start_guests = strcmp(value, "yes") == 0;
    }
    return TRUE;
}


/* Blanks around the name of a group would make two names of one. */
static gboolean
is_name(const char *text)
{
    return text[0] != '\0' && !g_ascii_isspace(text[0]) &&
           !g_ascii_isspace(text[strlen(text) - 1]);
}


static gboolean
read_group(Reader *reader, const char *group, GError **error)
{
    g_auto(GStrv) words = g_strsplit(group, " ", 2);

    if (strcmp(group, "severity") == 0)
        return read_severities(reader, group, NULL, error);
    if (strcmp(group, "lock") == 0)
        return read_lock(reader, group, error);
    if (strcmp(group, "guests") == 0)
        return read_guests(reader, group, error);
    if (words[0] && words[1] && strcmp(words[0], "severity") == 0)
        return read_severities(reader, group, words[1], error);
    if (words[0] && words[1] && !is_name(words[1])) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                    "%s: [%s]: wanted one blank, then a name without blanks around it",
                    reader->path, group);
        return FALSE;
    }
    if (words[0] && words[1] && strcmp(words[0], "exception") == 0)
        return read_exception(reader, group, error);
    if (words[0] && words[1] && strcmp(words[0], "pool") == 0)
        return read_pool(reader, group, words[1], error);
    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                "%s: [%s]: unknown group: wanted severity, severity PHASE, exception NAME, "
                "pool NAME, guests or lock",
                reader->path, group);
    return FALSE;
}


static const ApPool *
find_pool(const ApConfig *config, const char *name)
{
    for (guint i = 0; i < config->pools->len; i++) {
        const ApPool *pool = config->pools->pdata[i];

        if (strcmp(pool->name, name) == 0)
            return pool;
    }
    return NULL;
}


static gboolean
check_exceptions(Reader *reader, GError **error)
{
    for (guint i = 0; i < reader->config->exceptions->len; i++) {
        const Exception *exception = reader->config->exceptions->pdata[i];

        if (exception->pool && !find_pool(reader->config, exception->pool)) {
            g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                        "%s: an exception names the pool '%s', which no [pool %s] describes",
                        reader->path, exception->pool, exception->pool);
            return FALSE;
        }
    }
    return TRUE;
}


ApConfig *
ap_config_parse(const char *text, gsize length, const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(ApConfig) config = ap_config_new();
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) groups = NULL;
    Reader reader = { file, path, config };
    const char *invalid;

    /* GKeyFile stops at a NUL, and the rest of the policy would not count. */
    if (!g_utf8_validate_len(text, length, &invalid)) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s: %s at byte %zu", path,
                    *invalid == '\0' ? "a NUL" : "no UTF-8", (gsize)(invalid - text));
        return NULL;
    }
    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, &local)) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s: %s", path, local->message);
        return NULL;
    }
    if (!ap_config_text_check(text, length, path, error))
        return NULL;
    groups = g_key_file_get_groups(file, NULL);
    for (char **group = groups; *group; group++) {
        if (!read_group(&reader, *group, error))
            return NULL;
    }
    if (!check_exceptions(&reader, error))
        return NULL;
    return g_steal_pointer(&config);
}


static gboolean
exception_matches(const ApConfig *config, const Exception *exception, const char *mdev,
                  const char *guest)
{
    const ApPool *pool = exception->pool ? find_pool(config, exception->pool) : NULL;

    if (exception->mdev && g_strcmp0(exception->mdev, mdev) != 0)
        return FALSE;
    if (exception->guest && g_strcmp0(exception->guest, guest) != 0)
        return FALSE;
    return !pool || (guest && g_strv_contains((const char *const *)pool->guests, guest));
}


gboolean
ap_config_may_reject(const ApConfig *config, ApCode code, ApPhase phase)
{
    if (config->severities[code][phase] == AP_SEVERITY_REJECT)
        return TRUE;
    for (guint i = 0; i < config->exceptions->len; i++) {
        const Exception *exception = config->exceptions->pdata[i];

        if (exception->severities[code] == AP_SEVERITY_REJECT)
            return TRUE;
    }
    return FALSE;
}


ApSeverity
ap_config_get_severity(const ApConfig *config,
                       ApCode code,
                       ApPhase phase,
                       ApSeverity severity,
                       const char *const *mdevs,
                       const char *const *guests,
                       guint n)
{
    for (guint i = config->exceptions->len; i > 0; i--) {
        const Exception *exception = config->exceptions->pdata[i - 1];

        if (exception->severities[code] < 0)
            continue;
        for (guint k = 0; k < n; k++) {
            if (exception_matches(config, exception, mdevs[k], guests[k]))
                return exception->severities[code];
        }
    }
    if (config->severities[code][phase] >= 0)
        return config->severities[code][phase];
    return severity;
}


const ApPool *
ap_config_find_pool(const ApConfig *config, const char *name)
{
    for (guint i = 0; i < config->pools->len; i++) {
        const ApPool *pool = config->pools->pdata[i];

        if (strcmp(pool->name, name) == 0)
            return pool;
    }
    return NULL;
}


gboolean
ap_pool_has_guest(const ApPool *pool, const char *guest)
{
    return g_strv_contains((const char *const *)pool->guests, guest);
}


gboolean
ap_config_allows(const ApConfig *config, const char *guest, const ApMatrix *matrix,
                 ApApqnSet *ret_denied, ApMask *ret_control)
{
    ApMask control = ap_mask_minus(&matrix->control_domains, &matrix->domains);
    ApApqnSet denied = { 0 };

    ap_apqn_set_add(&denied, &matrix->adapters, &matrix->domains);
    for (guint i = 0; i < config->pools->len; i++) {
        const ApPool *pool = config->pools->pdata[i];
        ApApqnSet allowed = { 0 };

        if (!ap_pool_has_guest(pool, guest))
            continue;
        ap_apqn_set_add(&allowed, &pool->adapters, &pool->domains);
        ap_apqn_set_remove_all(&denied, &allowed);
        control = ap_mask_minus(&control, &pool->control_domains);
    }
    *ret_denied = denied;
    *ret_control = control;
    return ap_apqn_set_count(&denied) == 0 && ap_mask_is_empty(&control);
}
