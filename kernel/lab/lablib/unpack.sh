#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# unpack.sh ROOT DEB [TAR-OPTION...]: unpack one package, note for dpkg's database what it holds.
set -eu
root=$1 deb=$2
shift 2
info=$root/var/lib/dpkg/info
name=${deb##*/}
name=${name%%_*}
dpkg-deb -f "$deb" > "$info/$name.control"
# A broken package must not look like a short one: sh has no pipefail, so its end is marked.
{ dpkg-deb --fsys-tarfile "$deb" || : > "$info/$name.broken"; } |
    tar -C "$root" -xvp --no-same-owner --keep-directory-symlink "$@" |
    sed -e 's,^\.,,' -e 's,/$,,' -e 's,^$,/.,' > "$info/$name.list"
[ ! -e "$info/$name.broken" ]
