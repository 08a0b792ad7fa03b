/* SPDX-License-Identifier: LGPL-2.1-or-later */
static const Cmd *const commands[] = { &cmd_list };
