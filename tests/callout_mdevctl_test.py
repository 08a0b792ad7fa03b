# SPDX-License-Identifier: LGPL-2.1-or-later
"""The callout in the seat that it was made for: under the real mdevctl, 1.2 and 1.4."""

import json
import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import world
from harness.callout import CALLOUT, CALLOUT_DIRS, NAME, WorldTest
from harness.host import DEFINITIONS, MATRIX, TYPE, attrs, config_line, definition, mask, uuid

A, B, C = uuid(0xa), uuid(0xb), uuid(0xc)


def spell(mdev):
    """Names of files that could be meant as a UUID."""
    plain = mdev.replace("-", "")
    return (mdev, mdev.upper(), plain, plain.upper(), f"{{{mdev}}}", f"{{{mdev.upper()}}}",
            f"urn:uuid:{mdev}", f"urn:uuid:{mdev.upper()}", f"URN:UUID:{mdev}", f"{{{plain}}}",
            f"urn:uuid:{plain}", f"({mdev})", f"{mdev}.json", f" {mdev}", f"{mdev}\n", mdev[:-1],
            mdev.replace("-", "_"), mdev[:9] + mdev[10:], f"{plain[:4]}-{plain[4:]}")


class Cases:
    """What holds for every mdevctl."""

    version = None

    def test_a_free_matrix_is_defined_and_the_lock_given_back(self):
        self.assert_passed(self.define(self.version, A, [5], [0x47]))
        self.assertEqual(self.host.defined(), [A])
        self.assert_free()

    def test_a_shared_queue_is_refused_by_name_with_the_way_out(self):
        self.host.define(A, [5], [0x47], auto=True)
        self.host.add_guest("payroll", A)
        result = self.define(self.version, B, [5], [4, 0x47])
        self.assert_refused(
            result,
            f"{NAME}: APQN 05.0047 (adapter 5, domain 71) is defined for mdev {A} of guest "
            "'payroll' (shut off)\n  free on adapter 5: domains 0x04, 0x06, 0x2a\n")
        self.assertEqual(self.host.defined(), [A])
        self.assert_free()

    def test_an_overlap_with_what_nobody_claims_only_warns(self):
        self.host.define(A, [5], [0x47])
        result = self.define(self.version, B, [5], [0x47])
        self.assert_passed(result)
        self.assertIn(f"{NAME}: warning: APQN 05.0047", result.stderr)
        self.assertEqual(self.host.defined(), [A, B])
        self.assert_free()

    def test_an_overlap_with_an_active_mdev_is_refused(self):
        self.host.activate(A, [5], [0x47])
        self.assert_refused(self.define(self.version, B, [5], [0x47]), f"belongs to mdev {A}")
        self.assertEqual(self.host.defined(), [])

    def test_a_definition_counts_by_each_name_that_mdevctl_reads(self):
        seen = {}
        for name in spell(A):
            path = self.host.define(name, [5], [0x47], auto=True)
            listed = A in self.mdevctl(self.version, "list", "--defined", "--dumpjson").stdout
            refused = self.define(self.version, B, [5], [0x47]).returncode != 0
            self.host.path(f"{DEFINITIONS}/{B}").unlink(missing_ok=True)
            path.unlink()
            seen[name] = (listed, refused)
        self.assertEqual({name: answer for name, answer in seen.items()
                          if answer[0] != answer[1]}, {})
        self.assertGreater(sum(listed for listed, _ in seen.values()), 6)

    def test_an_attribute_added_is_judged_as_the_matrix_it_makes(self):
        self.host.define(A, [5], [0x47], auto=True)
        self.host.define(B, [5], [4])
        add = ("modify", "--uuid", B, "--addattr", "assign_domain", "--value")
        self.assert_refused(self.mdevctl(self.version, *add, "71"), "05.0047")
        self.assert_passed(self.mdevctl(self.version, *add, "6"))
        matrix = json.loads(self.host.path(f"{DEFINITIONS}/{B}").read_text())
        self.assertEqual(matrix["attrs"], attrs([5], [4, 6]))
        self.assert_free()

    def test_auto_is_refused_where_it_adds_an_overlap_and_manual_never(self):
        self.host.define(A, [5], [0x47], auto=True)
        self.host.define(B, [5], [0x47])
        change = ("modify", "--uuid", B)
        self.assert_refused(self.mdevctl(self.version, *change, "--auto"), f"mdev {A}")
        self.assert_passed(self.mdevctl(self.version, *change, "--manual"))
        self.host.define(B, [5], [0x47], auto=True)
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[nonsense")
        self.host.write(f"{DEFINITIONS}/{C}", "{")
        self.assert_passed(self.mdevctl(self.version, *change, "--manual"))
        self.assertIn('"manual"', self.host.path(f"{DEFINITIONS}/{B}").read_text())
        self.assert_free()

    def test_undefine_passes_whatever_is_broken(self):
        self.host.define(A, [5], [0x47], auto=True)
        self.host.activate(B, [5], [0x47])
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text("garbage\n")
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[nonsense")
        self.assert_passed(self.mdevctl(self.version, "undefine", "--uuid", A))
        self.assertEqual(self.host.defined(), [])
        self.assert_free()

    def test_what_stands_under_a_foreign_parent_can_be_undefined(self):
        self.host.write(f"etc/mdevctl.d/other/{A}", definition([5], [4]))
        self.assert_passed(self.mdevctl(self.version, "undefine", "--uuid", A))
        self.assertFalse(self.host.path(f"etc/mdevctl.d/other/{A}").exists())
        self.assert_refused(self.mdevctl(self.version, "define", "--uuid", A, "--parent", "other",
                                         "--type", TYPE), "not 'other'")
        self.assert_free()

    def created(self):
        return self.host.path(f"{MATRIX}/mdev_supported_types/{TYPE}/create").read_text()

    def test_a_start_is_refused_or_reaches_the_kernel(self):
        self.host.activate(A, [5], [0x47])
        self.host.define(B, [5], [0x47])
        self.host.define(C, [2], [4])
        self.assert_refused(self.mdevctl(self.version, "start", "--uuid", B), "05.0047")
        self.assertEqual(self.created(), "")
        # No kernel makes assign_adapter here, so mdevctl fails after it was let through.
        self.mdevctl(self.version, "start", "--uuid", C)
        self.assertEqual(self.created(), C)
        self.assert_free()

    def test_autostart_at_boot_starts_what_is_free_and_no_more(self):
        self.host.activate(A, [5], [0x47])
        self.host.define(B, [5], [0x47], auto=True)
        self.mdevctl(self.version, "start-parent-mdevs", "matrix")
        self.assertEqual(self.created(), "")
        self.assert_free()

    def test_a_stop_is_refused_only_while_a_guest_has_the_matrix(self):
        remove = self.host.activate(A, [5], [0x47]) / "remove"
        status = self.host.path("sys/devices/ap/card05/05.0047/status")
        status.write_text("in use\n")
        self.assert_refused(self.mdevctl(self.version, "stop", "--uuid", A), "is in use")
        self.assertFalse(remove.exists())
        status.write_text("bound\n")
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[nonsense")
        self.assert_passed(self.mdevctl(self.version, "stop", "--uuid", A))
        self.assertEqual(remove.read_text(), "1")
        self.assert_free()

    def test_a_listing_shows_the_live_attributes(self):
        self.host.activate(A, [5, 1], [0x47, 4], [6])
        result = self.mdevctl(self.version, "list", "--dumpjson", "--uuid", A)
        self.assertEqual(json.loads(result.stdout)["attrs"], attrs([1, 5], [4, 0x47], [6]))
        self.assertEqual(result.stderr, "")

    def test_an_active_mdev_is_defined_with_what_it_holds(self):
        self.host.activate(A, [5], [0x47])
        self.host.define(B, [5], [0x47], auto=True)
        result = self.mdevctl(self.version, "define", "--uuid", A)
        self.assert_passed(result)
        text = self.host.path(f"{DEFINITIONS}/{A}").read_text()
        self.assertEqual(json.loads(text)["attrs"], attrs([5], [0x47]))
        self.assert_free()

    def test_a_foreign_type_is_not_ours(self):
        result = self.mdevctl(self.version, "define", "--uuid", A, "--parent", "0000:00:02.0",
                              "--type", "i915-GVTg_V5_4")
        self.assert_passed(result)
        self.assertEqual(result.stderr, "")

    def record(self, name, log):
        """A callout for our type that speaks version 2, says yes and records its calls."""
        answer = ('{"supports":{"version":2,"actions":["start","stop","define","undefine",'
                  '"modify","attributes","capabilities"],'
                  '"events":["pre","post","notify","get","live"]}}')
        self.install_script(f"#!/bin/sh\necho \"$4 $6\" >> {log}\ncat > /dev/null\n"
                            f"[ \"$4 $6\" = 'get capabilities' ] && echo '{answer}'\n"
                            "exit 0\n", name, self.version)


class Mdevctl12Test(Cases, WorldTest):
    """The unversioned protocol."""

    version = "1.2"

    def test_the_first_callout_of_the_directory_decides(self):
        """mdevctl 1.2 does not sort: whose turn it is depends on the file system."""
        directory = CALLOUT_DIRS[self.version]
        log = pathlib.Path("/tmp/ap-check-1.2.log")
        self.get_mdevctl(self.version)
        self.host.activate(A, [5], [0x47])
        seen = set()
        for ours_comes_last in (False, True):
            log.unlink(missing_ok=True)
            self.record("ap-check", log)
            if ours_comes_last:
                (directory / NAME).unlink()
                self.install(CALLOUT, NAME, directory)
            first = os.listdir(directory)[0]
            seen.add(first)
            result = self.define(self.version, B, [5], [0x47])
            if first == NAME:
                self.assert_refused(result, "05.0047")
                self.assertFalse(log.exists())
            else:
                self.assertEqual(log.read_text().split("\n")[0], "pre define")
                self.host.path(f"{DEFINITIONS}/{B}").unlink()
        self.assertIn(NAME, seen)


class Mdevctl14Test(Cases, WorldTest):
    """The versioned protocol."""

    version = "1.4"

    def test_ours_decides_beside_ap_check(self):
        log = pathlib.Path("/tmp/ap-check-1.4.log")
        log.unlink(missing_ok=True)
        self.get_mdevctl(self.version)
        self.record("ap-check", log)
        self.host.activate(A, [5], [0x47])
        self.assert_refused(self.define(self.version, B, [5], [0x47]), f"{NAME}: APQN 05.0047")
        self.assert_passed(self.define(self.version, B, [5], [4]))
        self.assertFalse(log.exists())
        self.assert_free()

    def live(self, mdev, *where, **options):
        return self.mdevctl(self.version, "modify", "--uuid", mdev, "--parent", "matrix",
                            "--live", "--jsonfile", "/dev/stdin", text=definition(*where),
                            **options)

    def test_a_live_change_is_written_and_the_lock_given_back(self):
        config = self.host.activate(A, [5], [0x47]) / "ap_config"
        self.assert_passed(self.live(A, [1, 5], [4, 0x47], [4]))
        self.assertEqual(config.read_text(), config_line([1, 5], [4, 0x47], [4]))
        self.assert_free()

    def test_a_live_change_that_shares_a_queue_is_refused_before_the_kernel_is_asked(self):
        config = self.host.activate(A, [5], [0x47]) / "ap_config"
        self.host.activate(B, [5], [4])
        self.assert_refused(self.live(A, [5], [4, 0x47]), "05.0004", f"mdev {B}")
        self.assertEqual(config.read_text(), config_line([5], [0x47]))
        self.assert_free()

    def test_a_live_change_is_refused_only_for_what_it_adds(self):
        self.host.write("sys/bus/ap/apmask", mask([5]))
        self.host.write("sys/bus/ap/aqmask", mask([0x47]))
        self.host.link("sys/devices/ap/card05/05.0047/driver",
                       "../../../../bus/ap/drivers/cex4queue")
        config = self.host.activate(A, [5], [4, 0x47]) / "ap_config"
        self.assert_passed(self.live(A, [5], [6, 0x47]))
        self.assertEqual(config.read_text(), config_line([5], [6, 0x47]))
        self.host.activate(A, [5], [4])
        self.assert_refused(self.live(A, [5], [4, 0x47]), "05.0047")

    def test_a_kernel_without_ap_config_gets_no_live_change(self):
        (self.host.activate(A, [5], [0x47]) / "ap_config").unlink()
        self.assert_refused(self.live(A, [5], [4]), "needs kernel 6.10 or later")
        self.assert_free()

    def test_live_and_defined_change_in_one_command(self):
        config = self.host.activate(A, [5], [0x47]) / "ap_config"
        self.host.define(A, [5], [0x47])
        result = self.mdevctl(self.version, "modify", "--uuid", A, "--parent", "matrix", "--live",
                              "--defined", "--jsonfile", "/dev/stdin",
                              text=definition([5], [4, 0x47]))
        self.assert_passed(result)
        self.assertEqual(config.read_text(), config_line([5], [4, 0x47]))
        text = self.host.path(f"{DEFINITIONS}/{A}").read_text()
        self.assertEqual(json.loads(text)["attrs"], attrs([5], [4, 0x47]))
        self.assert_free()

    def test_a_broken_definition_is_replaced(self):
        self.host.write(f"{DEFINITIONS}/{A}", "{")
        result = self.mdevctl(self.version, "modify", "--uuid", A, "--parent", "matrix",
                              "--defined", "--jsonfile", "/dev/stdin",
                              text=definition([5], [4]))
        self.assert_passed(result)
        self.assertIn(f"warning: /{DEFINITIONS}/{A}", result.stderr)
        self.assert_free()


if __name__ == "__main__":
    world.main()
