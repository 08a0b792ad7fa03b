/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal, for programs whose standard error nobody sees when they succeed. */
#include "node_device/ap_log.h"

#include "util/ap_text.h"


static void
write_fields(const char *message, const char *code, const char *mdev, const char *guest,
             const char *apqn)
{
    g_autofree char *message_escaped = ap_text_escape_lines(message);
    g_autofree char *guest_escaped = ap_text_escape(guest ? guest : "");
    const GLogField fields[] = {
        { "MESSAGE", message_escaped, -1 },
        { "PRIORITY", "4", -1 },
        { "SYSLOG_IDENTIFIER", "libvirt-ap", -1 },
        { "CODE", code ? code : "", -1 },
        { "MDEV", mdev ? mdev : "", -1 },
        { "GUEST", guest_escaped, -1 },
        { "APQN", apqn ? apqn : "", -1 },
    };

    g_log_writer_journald(G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS(fields), NULL);
}


void
ap_log_finding(const ApFinding *finding)
{
    g_autofree char *first = NULL;
    guint position = 0;
    ApApqn apqn = { 0 };
    ApApqnSet set;

    ap_finding_get_apqns(finding, &set);
    if (ap_apqn_set_next(&set, &position, &apqn))
        first = ap_apqn_to_string(apqn);
    write_fields(finding->message, ap_code_to_string(finding->code), finding->mdev, finding->guest,
                 first);
}


void
ap_log_warning(const char *guest, const char *mdev, const char *message)
{
    write_fields(message, NULL, mdev, guest, NULL);
}
