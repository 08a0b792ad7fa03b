/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small QMP client: one JSON object a line, either way (docs/interop/qmp-spec.rst of QEMU). */
#include "qemu/qemu_ap_qmp.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#include "conf/ap_json.h"
#include "util/ap_error.h"

/* For one answer, in seconds. QEMU answers at once, unless its main loop is busy. */
#define TIMEOUT_S 30

#define PERIPHERAL "/machine/peripheral"

/* A connection; @deleted: ids of the devices of which events said that they are gone. */
typedef struct {
    GSocketConnection *connection;
    GDataInputStream *input;
    const char *path;
    GHashTable *deleted;
} Qmp;


static void
qmp_free(Qmp *qmp)
{
    g_hash_table_unref(qmp->deleted);
    g_clear_object(&qmp->input);
    g_clear_object(&qmp->connection);
    g_free(qmp);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qmp, qmp_free)


static JsonObject *
set_io_error(const Qmp *qmp, const char *reason, GError **error)
{
    g_set_error(error, AP_ERROR, AP_ERROR_IO,
                "%s: %s\nQEMU makes it with -qmp unix:PATH,server=on,wait=off", qmp->path, reason);
    return NULL;
}


/* The next object; NULL at the end, after the timeout, or if it is none. */
static JsonObject *
read_object(Qmp *qmp, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *line = NULL;
    JsonObject *object;

    line = g_data_input_stream_read_line_utf8(qmp->input, NULL, NULL, &local);
    if (!line)
        return set_io_error(qmp, local ? local->message : "QEMU closed the connection", error);
    object = json_tokener_parse(line);
    if (json_object_is_type(object, json_type_object))
        return object;
    json_object_put(object);
    return set_io_error(qmp, "what answers is no QMP", error);
}


/* Any number of events can come before an answer, and behind the one that is waited for. */
static void
note_event(Qmp *qmp, JsonObject *event)
{
    const char *name = json_object_get_string(json_object_object_get(event, "event"));
    JsonObject *data = json_object_object_get(event, "data");
    JsonObject *device = NULL;

    if (g_strcmp0(name, "DEVICE_DELETED") == 0 && json_object_is_type(data, json_type_object) &&
        json_object_object_get_ex(data, "device", &device) && device)
        g_hash_table_add(qmp->deleted, g_strdup(json_object_get_string(device)));
}


/* Takes over @arguments. Returns what QEMU returned. */
static JsonObject *
execute(Qmp *qmp, const char *command, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonObject) request = json_object_new_object();
    GOutputStream *output = g_io_stream_get_output_stream(G_IO_STREAM(qmp->connection));
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;

    json_object_object_add(request, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(request, "arguments", arguments);
    text = g_strconcat(json_object_to_json_string(request), "\n", NULL);
    if (!g_output_stream_write_all(output, text, strlen(text), NULL, NULL, &local))
        return set_io_error(qmp, local->message, error);
    for (;;) {
        g_autoptr(JsonObject) answer = read_object(qmp, error);
        JsonObject *part;

        if (!answer)
            return NULL;
        if (json_object_object_get_ex(answer, "return", &part))
            return json_object_get(part);
        if (json_object_object_get_ex(answer, "error", &part)) {
            g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "QEMU refuses %s: %s", command,
                        json_object_get_string(json_object_object_get(part, "desc")));
            return NULL;
        }
        note_event(qmp, answer);
    }
}


static gboolean
run(Qmp *qmp, const char *command, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonObject) result = execute(qmp, command, arguments, error);

    return result != NULL;
}


static Qmp *
connect_to(const char *path, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(Qmp) qmp = g_new0(Qmp, 1);
    g_autoptr(JsonObject) greeting = NULL;
    g_autoptr(GError) local = NULL;

    qmp->path = path;
    qmp->deleted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_socket_client_set_timeout(client, TIMEOUT_S);
    qmp->connection =
        g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, &local);
    if (!qmp->connection) {
        set_io_error(qmp, local->message, error);
        return NULL;
    }
    qmp->input = g_data_input_stream_new(
        g_io_stream_get_input_stream(G_IO_STREAM(qmp->connection)));
    greeting = read_object(qmp, error);
    if (!greeting)
        return NULL;
    if (!json_object_object_get_ex(greeting, "QMP", NULL)) {
        set_io_error(qmp, "what answers is no QMP", error);
        return NULL;
    }
    return run(qmp, "qmp_capabilities", NULL, error) ? g_steal_pointer(&qmp) : NULL;
}


static JsonObject *
make_arguments(const char *first, const char *first_value, const char *second,
               const char *second_value)
{
    JsonObject *arguments = json_object_new_object();

    json_object_object_add(arguments, first, json_object_new_string(first_value));
    if (second)
        json_object_object_add(arguments, second, json_object_new_string(second_value));
    return arguments;
}


/* The mdev of the device @id; NULL if it has none. */
static char *
get_mdev(Qmp *qmp, const char *id)
{
    g_autofree char *path = g_strconcat(PERIPHERAL "/", id, NULL);
    g_autoptr(JsonObject) value = NULL;
    const char *device;

    value = execute(qmp, "qom-get", make_arguments("path", path, "property", "sysfsdev"), NULL);
    device = value ? json_object_get_string(value) : NULL;
    return device ? g_path_get_basename(device) : NULL;
}


/* The id of the guest's vfio-ap device, that is the mdev; of any if @uuid is NULL. */
static char *
find_device(Qmp *qmp, const char *uuid, GError **error)
{
    g_autoptr(JsonObject) list = NULL;

    list = execute(qmp, "qom-list", make_arguments("path", PERIPHERAL, NULL, NULL), error);
    if (!list)
        return NULL;
    for (gsize i = 0; i < json_object_array_length(list); i++) {
        JsonObject *entry = json_object_array_get_idx(list, i);
        const char *type = json_object_get_string(json_object_object_get(entry, "type"));
        const char *name = json_object_get_string(json_object_object_get(entry, "name"));
        g_autofree char *mdev = NULL;

        if (g_strcmp0(type, "child<vfio-ap>") != 0)
            continue;
        mdev = get_mdev(qmp, name);
        if (!uuid || g_strcmp0(mdev, uuid) == 0)
            return g_strdup(name);
    }
    g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "%s: the guest has no vfio-ap device%s%s",
                qmp->path, uuid ? " of mdev " : "", uuid ? uuid : "");
    return NULL;
}


/* QEMU's words are the same for a bus that is full and for one that the CPU does not have. */
static char *
explain_refusal(Qmp *qmp, const char *uuid, const char *words)
{
    g_autofree char *id = find_device(qmp, NULL, NULL);
    g_autofree char *mdev = id ? get_mdev(qmp, id) : NULL;

    if (mdev)
        return g_strdup_printf("the guest has mdev %s, and QEMU takes one: "
                               "virt-ap detach --qmp %s %s",
                               mdev, qmp->path, mdev);
    if (strstr(words, "'ap-bus'"))
        return g_strdup("QEMU makes the bus only for a CPU with AP instructions: start it with "
                        "-cpu host, or with ap=on behind the model");
    return g_strdup_printf("it must be active, and no other guest's: see `virt-ap show %s`", uuid);
}


gboolean
qemu_ap_qmp_attach(const char *path, const char *uuid, GError **error)
{
    g_autoptr(Qmp) qmp = connect_to(path, error);
    g_autofree char *id = g_strconcat("ap-", uuid, NULL);
    g_autofree char *device = g_strconcat("/sys/bus/mdev/devices/", uuid, NULL);
    g_autofree char *hint = NULL;
    g_autoptr(GError) refusal = NULL;
    JsonObject *arguments;

    if (!qmp)
        return FALSE;
    arguments = make_arguments("driver", "vfio-ap", "id", id);
    json_object_object_add(arguments, "sysfsdev", json_object_new_string(device));
    if (run(qmp, "device_add", arguments, &refusal))
        return TRUE;
    if (!g_error_matches(refusal, AP_ERROR, AP_ERROR_REFUSED)) {
        g_propagate_error(error, g_steal_pointer(&refusal));
        return FALSE;
    }
    hint = explain_refusal(qmp, uuid, refusal->message);
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "%s\n%s", refusal->message, hint);
    return FALSE;
}


/* QEMU answers before the device is gone. */
static gboolean
wait_until_gone(Qmp *qmp, const char *id, GError **error)
{
    while (!g_hash_table_contains(qmp->deleted, id)) {
        g_autoptr(JsonObject) object = read_object(qmp, error);

        if (!object)
            return FALSE;
        note_event(qmp, object);
    }
    return TRUE;
}


gboolean
qemu_ap_qmp_detach(const char *path, const char *uuid, GError **error)
{
    g_autoptr(Qmp) qmp = connect_to(path, error);
    g_autofree char *id = qmp ? find_device(qmp, uuid, error) : NULL;

    return id && run(qmp, "device_del", make_arguments("id", id, NULL, NULL), error) &&
           wait_until_gone(qmp, id, error);
}
