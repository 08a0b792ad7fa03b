/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions, replayed as the kernel takes their attributes. */
#include "conf/ap_mdev_def.h"

#include "ap_test.h"

#define FULL64 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

typedef struct {
    const char *attrs[9];    /* name, value, name, value, ... */
    const char *message;     /* part of the error's; NULL: the kernel takes all */
    const char *matrix[3];
} ReplayCase;

static const ReplayCase cases[] = {
    { { "assign_adapter", "five" }, "attribute 1 (assign_adapter)", { 0 } },
    { { "assign_adapter", "5", "assign_domain", "" }, "attribute 2 (assign_domain)", { 0 } },
    { { "assign_adapter", "256" }, "256", { 0 } },
    { { "assign_domain", "18446744073709551616" }, "attribute 1", { 0 } },
    { { "assign_adapter", "5 " }, "attribute 1", { 0 } },
    { { "", "5" }, "without a name", { 0 } },
    { { "assign_adapters", "5" }, "assign_adapters", { 0 } },
    { { "../../../etc/passwd", "5" }, "../../../etc/passwd", { 0 } },
    { { "matrix", "05.0004" }, "matrix", { 0 } },
    { { "unassign_adapter", "x" }, "attribute 1", { 0 } },
    { { "ap_config", "" }, "attribute 1", { 0 } },
    { { "ap_config", "0x04" }, "attribute 1", { 0 } },
    { { "ap_config", "0x04,0x08" }, "attribute 1", { 0 } },
    { { "ap_config", "0x04,0x08,0xg" }, "attribute 1", { 0 } },
    { { "ap_config", "0x" FULL64 "f,0,0" }, "attribute 1", { 0 } },
    { { NULL }, NULL, { "", "", "" } },
    { { "assign_adapter", "5", "assign_domain", "0x47", "assign_control_domain", "010" }, NULL,
      { "5", "71", "8" } },
    { { "assign_adapter", "5", "assign_adapter", "0x05\n", "assign_adapter", "+5" }, NULL,
      { "5", "", "" } },
    { { "assign_domain", "255", "unassign_domain", "255", "unassign_domain", "7" }, NULL,
      { "", "", "" } },
    { { "assign_adapter", "5", "unassign_adapter", "5", "assign_adapter", "6" }, NULL,
      { "6", "", "" } },
    { { "assign_control_domain", "4", "unassign_control_domain", "4" }, NULL, { "", "", "" } },
    { { "assign_adapter", "9", "ap_config", "0x04,0x08,0x1\n" }, NULL, { "5", "4", "3" } },
    { { "ap_config", "0x04,0x08\n" }, NULL, { "5", "4", "" } },
    { { "ap_config", ",,", "assign_adapter", "1" }, NULL, { "1", "", "" } },
    { { "ap_config", "04,08,0,whatever" }, NULL, { "5", "4", "" } },
};


static ApMdevDef *
make_def(const char *const *attrs)
{
    ApMdevDef *def = ap_mdev_def_new(AP_MDEV_TYPE);

    for (; attrs[0]; attrs += 2)
        ap_mdev_def_add_attr(def, attrs[0], attrs[1]);
    return def;
}


static void
test_attributes_are_replayed_as_the_kernel_takes_them(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const ReplayCase *c = &cases[i];
        g_autoptr(ApMdevDef) def = make_def(c->attrs);
        ApMatrix matrix = { noise, noise, noise };
        ApMatrix before = matrix;
        g_autoptr(GError) error = NULL;
        ApMatrix wanted;

        g_test_message("case %zu", i);
        if (!ap_mdev_def_replay(def, NULL, NULL, &matrix, &error)) {
            g_assert_nonnull(c->message);
            g_assert_nonnull(strstr(error->message, c->message));
            g_assert_true(ap_matrix_equal(&matrix, &before));
            assert_error(&error, AP_ERROR_STEP);
            continue;
        }
        g_assert_null(c->message);
        wanted = make_matrix(c->matrix[0], c->matrix[1], c->matrix[2]);
        g_assert_true(ap_matrix_equal(&matrix, &wanted));
    }
}


static void
note_step(guint step, const ApMdevAttr *attr, const ApMatrix *matrix, gpointer data)
{
    g_string_append_printf(data, "%u %s %u; ", step, attr->name,
                           ap_matrix_count_apqns(matrix));
}


static void
test_each_step_is_shown(void)
{
    const char *const attrs[] = { "assign_adapter", "5", "assign_domain", "4",
                                  "unassign_adapter", "5", "assign_domain", "bad", NULL };
    g_autoptr(ApMdevDef) def = make_def(attrs);
    g_autoptr(GString) steps = g_string_new(NULL);
    ApMatrix matrix;

    g_assert_false(ap_mdev_def_replay(def, note_step, steps, &matrix, NULL));
    g_assert_cmpstr(steps->str, ==,
                    "1 assign_adapter 0; 2 assign_domain 1; 3 unassign_adapter 0; ");
}


static void
test_a_matrix_becomes_attributes_and_comes_back(void)
{
    ApMatrix matrix = make_matrix("255,5", "71,4", "0");
    static const char *const wanted[2][5] = { { "5", "255", "4", "71", "0" },
                                              { "0x05", "0xff", "0x0004", "0x0047", "0x0000" } };

    for (guint hex = 0; hex < 2; hex++) {
        g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
        ApMatrix again;

        ap_mdev_def_add_matrix(def, &matrix, hex);
        g_assert_cmpuint(def->attrs->len, ==, 5);
        for (guint i = 0; i < 5; i++) {
            const ApMdevAttr *attr = def->attrs->pdata[i];

            g_assert_cmpstr(attr->value, ==, wanted[hex][i]);
        }
        g_assert_true(ap_mdev_def_replay(def, NULL, NULL, &again, NULL));
        g_assert_true(ap_matrix_equal(&again, &matrix));
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mdev-def/attributes-are-replayed-as-the-kernel-takes-them",
                    test_attributes_are_replayed_as_the_kernel_takes_them);
    g_test_add_func("/mdev-def/each-step-is-shown", test_each_step_is_shown);
    g_test_add_func("/mdev-def/a-matrix-becomes-attributes-and-comes-back",
                    test_a_matrix_becomes_attributes_and_comes_back);
    return g_test_run();
}
