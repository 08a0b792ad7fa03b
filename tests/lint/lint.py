#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the house that a program can check: lint.py [TREE].

Each rule is a function of a tree that yields what it finds; bad-RULE beside this file is a small
tree that it must catch (lint_test.py). A rule that finds nothing to look at is a finding itself."""

import importlib.util
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

# Not ours to format: goldens, samples and inputs of tests, texts of licences.
FOREIGN = ("LICENSES", "docs/map.svg", "docs/rooms.svg", "examples", "tests/e2e/data", "tests/fuzz/corpus",
           "tests/hosts", "tests/lint", "tests/mdevctl", "tests/mistakes", "tests/nodedevdata",
           "tests/nodedevxml2xml", "tests/xml2argvdata")
SOURCE = {".c", ".h", ".py", ".sh", ".rng", ".build"}


class Tree:
    """The files of a source tree, as text."""

    def __init__(self, top):
        self.top = pathlib.Path(top).resolve()
        self.files = {}
        for path in sorted(self.top.rglob("*")):
            name = path.relative_to(self.top).as_posix()
            if self.is_skipped(name) or path.is_symlink() or not path.is_file():
                continue
            try:
                self.files[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue

    def is_skipped(self, name):
        parts = name.split("/")
        return (name.startswith(tuple(f + "/" for f in FOREIGN)) or name in FOREIGN
                or any(p in ("__pycache__", ".git", "subprojects") for p in parts)
                or parts[0].startswith("build"))

    def under(self, folders, *suffixes):
        """Path and text of the files in these folders that end so; not finding any is an error."""
        found = [(name, text) for name, text in self.files.items()
                 if name.startswith(tuple(folders)) and name.endswith(suffixes)]
        if not found:
            raise LookupError(f"nothing in {', '.join(folders)} to look at")
        return found

    def read(self, name):
        if name not in self.files:
            raise LookupError(f"{name} is missing")
        return self.files[name]


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_of(text):
    """C without comments and without what stands in strings, line for line."""
    return TOKEN.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0][0] + m[0][0], text)


def strings_of(text):
    """Line and content of each string literal, neighbours joined as the compiler does."""
    line, joined, start, last = 1, "", 1, 0
    for match in TOKEN.finditer(text):
        if match[0][0] != '"':
            continue
        if joined and code_of(text[last:match.start()]).strip():
            yield start, joined
            joined = ""
        if not joined:
            start = line + text.count("\n", 0, match.start())
        joined += match[0][1:-1]
        last = match.end()
    if joined:
        yield start, joined


def lines_matching(text, pattern):
    for number, line in enumerate(text.split("\n"), 1):
        for match in re.finditer(pattern, line):
            yield number, match[0].strip()


# --- rules -----------------------------------------------------------------------------------------

def check_numbers(tree):
    """Numbers are parsed by ap_id_parse() and its neighbours alone."""
    pattern = (r"\b(?:g_ascii_)?strto[a-z]+\s*\(|\bato(?:i|l|ll|f)\s*\(|\bv?[fs]?scanf\s*\("
               r"|\bstrtok(?:_r)?\s*\(")
    for name, text in tree.under(["src/", "tools/", "tests/"], ".c", ".h"):
        for line, found in lines_matching(code_of(text), pattern):
            yield name, line, f"{found}): wanted ap_id_parse() or ap_attr_parse()"


def check_goto(tree):
    """No goto but in what is loaded into a kernel: g_auto* and early returns."""
    for name, text in tree.under(["src/", "tools/", "tests/", "kernel/"], ".c", ".h"):
        if name.startswith("kernel/ap_emu/"):
            continue
        for line, _ in lines_matching(code_of(text), r"\bgoto\b"):
            yield name, line, "goto: wanted g_auto* and early returns"


def check_leftovers(tree):
    """What is to be done later belongs into an issue."""
    for name, text in tree.under([""], ""):
        for line, found in lines_matching(text, r"\b(?:TO" r"DO|FIX" r"ME)\b"):
            yield name, line, f"{found}: do it, or file an issue"


def is_script(name, text):
    return "." not in name.rsplit("/", 1)[-1] and text.startswith("#!")


def check_licence(tree):
    """Each source file names its licence: LGPL-2.1-or-later, under kernel/ also GPL-2.0-only."""
    for name, text in tree.under([""], ""):
        if pathlib.PurePath(name).suffix not in SOURCE and not is_script(name, text) or not text:
            continue
        allowed = ["LGPL-2.1-or-later"] + ["GPL-2.0-only"] * name.startswith("kernel/")
        head = "\n".join(text.split("\n")[:5])
        found = re.search(r"SPDX-License-Identifier: (\S+)", head)
        if not found or found[1] not in allowed:
            yield name, 1, f"no SPDX-License-Identifier: {' or '.join(allowed)}"


PROTOTYPE = re.compile(r"^(?P<type>[A-Za-z_][\w \*]*?[\s\*])(?P<name>\w+)\((?P<args>[^;{}]*?)\)"
                       r"(?:\s*G_GNUC_\w+(?:\s*\([^;]*\))?)*;", re.MULTILINE)


def parameters_of(args):
    for arg in re.split(r",(?![^()]*\))", args):
        name = re.search(r"\(\*(\w+)\)", arg) or re.search(r"(\w+)\s*(?:\[[^]]*\])*\s*$", arg)
        if name and arg.strip() != "void":
            yield name[1]


def check_one_doc(prototype, doc, codes):
    args = prototype["args"]
    wanted = list(parameters_of(args))
    documented = re.findall(r"^ \* @(\w+):", doc, re.MULTILINE)
    returns = set(prototype["type"].split()) - {"static", "inline"} != {"void"}
    errors = re.search(r"^ \* Errors:((?:[^\n]|\n \* [^\n])*)", doc, re.MULTILINE)
    if documented != wanted:
        yield f"documents ({', '.join(documented)}), but takes ({', '.join(wanted)})"
    if returns != ("\n * Returns:" in doc):
        yield "lacks Returns:" if returns else "returns nothing, but says Returns:"
    if "GError **" in args and not errors and "set_error" not in prototype["name"]:
        yield "lacks Errors:"
    for code in re.findall(r"AP_ERROR_\w+", errors[1] if errors else ""):
        if code not in codes:
            yield f"names {code}, which does not exist"


def error_codes(tree):
    enum = re.search(r"typedef enum \{([^}]*)\} ApErrorCode;", tree.read("src/util/ap_error.h"))
    return re.findall(r"AP_ERROR_\w+", enum[1])


def without_bodies(code):
    """Functions that a header defines, as prototypes; what is behind them keeps its line."""
    return re.sub(r"\) *\n\{\n.*?^\}", lambda m: ");" + "\n" * m[0].count("\n"), code,
                  flags=re.DOTALL | re.MULTILINE)


def check_docs(tree):
    """Each function in a header that others use has a comment: parameters, Returns:, Errors:."""
    codes = error_codes(tree)
    for name, text in tree.under(["src/", "tools/"], ".h"):
        if name.endswith("_priv.h"):
            continue
        docs = dict(re.findall(r"/\*\*\n \* (\w+):\n(.*?)\*/", text, re.DOTALL))
        code = without_bodies(code_of(text))
        for prototype in PROTOTYPE.finditer(code):
            line = code.count("\n", 0, prototype.start("name")) + 1
            function = prototype["name"]
            if "typedef" in prototype["type"]:
                continue
            if function not in docs:
                yield name, line, f"{function}() lacks a comment"
                continue
            for fault in check_one_doc(prototype, "\n" + docs[function], codes):
                yield name, line, f"{function}() {fault}"


# What each folder may include of the others, and who may write to the disk. A capture makes a
# directory of its own.
BELOW = ("conf", "util")
READERS = ("node_device/inventory",) + BELOW
ENGINE = ("node_device/conflict", "node_device/plan", "node_device/txn") + READERS
LAYERS = {"src/util/": ("util",), "src/conf/": BELOW,
          "src/node_device/inventory/": READERS,
          "src/node_device/conflict/": ("node_device/conflict",) + READERS,
          "src/node_device/plan/": ("node_device/plan", "node_device/conflict") + READERS,
          "src/node_device/txn/": ("node_device/txn",) + READERS,
          "src/node_device/sim/": ("node_device/sim", "util"),
          "src/node_device/doctor/": ("node_device/doctor", "node_device") + ENGINE,
          "src/node_device/callout/": ("node_device/callout", "node_device") + ENGINE,
          "src/node_device/": ("node_device",) + ENGINE,
          "src/qemu/": ("qemu", "node_device", "node_device/sim") + ENGINE,
          "src/remote/": ("remote", "node_device") + ENGINE}
WRITERS = ("src/util/", "src/node_device/ap_", "src/node_device/callout/ap_callout_front.c",
           "src/node_device/sim/", "src/node_device/txn/",
           "src/node_device/inventory/ap_claim.c", "src/node_device/inventory/ap_last_guests.c",
           "tools/cmd_capture.c")
WRITING = (r"\b(?:rename(?:at2?)?|unlink(?:at)?|mkdir(?:at)?|rmdir|link(?:at)?|symlink(?:at)?"
           r"|truncate|mkstemp|g_file_set_contents(?:_full)?|g_mkdir\w*|g_unlink|g_rename"
           r"|g_rmdir|g_remove)\s*\(|\bO_(?:WRONLY|RDWR|CREAT)\b")
OPENING = r"\b(?:open(?:at2?|dir)?|fopen|readlink|stat|g_file_\w+|g_dir_open|xmlReadFile)\s*\("


def check_layers(tree):
    """Each room includes only those below it; conf opens no file; the driver alone writes."""
    for name, text in tree.under(["src/", "tools/"], ".c", ".h"):
        code = code_of(text)
        allowed = next((v for k, v in LAYERS.items() if name.startswith(k)), None)
        for line, include in lines_matching(text, r'^#include "[^"]*"'):
            folder = include.split('"')[1].rpartition("/")[0]
            # The simulator shares no code with those who judge.
            if name.startswith("src/node_device/sim/") and include.endswith('/ap_kernel.h"'):
                continue
            if include.endswith('"config.h"'):
                continue
            if allowed is not None and folder not in allowed:
                yield name, line, f"{include}: wanted {', '.join(allowed)} alone"
        if name.startswith("src/conf/"):
            for line, found in lines_matching(code, OPENING):
                yield name, line, f"{found}): conf opens no file"
        if not name.startswith(WRITERS):
            for line, found in lines_matching(code, WRITING):
                yield name, line, f"{found}: only the driver and what is below it write"


def check_format(tree):
    """No tabs, no blanks at the end, 100 columns; kernel/ has the kernel's tabs."""
    for name, text in tree.under([""], ""):
        makefile = name.rsplit("/", 1)[-1] in ("Makefile", "Kbuild")
        tabs = makefile or name.startswith("kernel/")
        document = name.endswith((".md", ".rst"))
        if text and not text.endswith("\n"):
            yield name, text.count("\n") + 1, "no newline at the end"
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if "\t" in line and not tabs:
                yield name, number, "a tab"
            if line != line.rstrip():
                yield name, number, "blanks at the end"
            # A title and its line cannot be broken either.
            if document and (set(line) == {"-"} or set("".join(lines[number:number + 1])) == {"-"}):
                continue
            # A pattern, a URL, a row of a table, the output of a program cannot be broken.
            if (len(line.expandtabs(8)) > 100 and "<param " not in line and "://" not in line
                    and not (document and line.startswith(("  ", "|", "00-libvirt-ap: ")))):
                yield name, number, f"{len(line)} columns"


# Where a link may lead; what else is a name of a registry or of a machine.
HOSTS = ("debian.org", "github.com", "gnu.org", "ibm.com", "kernel.org", "libvirt.org",
         "opensource.org", "relaxng.org", "w3.org", "127.0.0.1", "localhost", "readthedocs.io",
         "example.com", "example.org")


def check_places(tree):
    """No name of a registry, no path of somebody's machine."""
    for name, text in tree.under([""], ""):
        for line, found in lines_matching(text, r"(?<![\w.])/(?:work|home/(?!me/)\w+|Users)/\S*"):
            yield name, line, f"{found}: a path of one machine"
        for number, line in enumerate(text.split("\n"), 1):
            for host in re.findall(r"\b(?:https?|ftp)://([\w.-]+)", line):
                if "." in host and not any(host == h or host.endswith("." + h) for h in HOSTS):
                    yield name, number, f"{host}: a host that is not in the list"


def check_codes(tree):
    """Enum, table and reference have the same codes, in one order."""
    header = tree.read("src/conf/ap_policy.h")
    enum = re.search(r"typedef enum \{([^}]*)\} ApCode;", header)
    names = [n for n in re.findall(r"AP_CODE_\w+", enum[1] if enum else "")]
    table = re.findall(r"\[(AP_CODE_\w+)\] = \"([^\"]*)\"", tree.read("src/conf/ap_policy.c"))
    if not names:
        raise LookupError("no codes in src/conf/ap_policy.h")
    if [code for code, _ in table] != names:
        yield "src/conf/ap_policy.c", 1, "the table is not in the enum's order, or not complete"
    for code, text in table:
        if text != code.removeprefix("AP_CODE_").lower().replace("_", "-"):
            yield "src/conf/ap_policy.c", 1, f"{code} is called '{text}'"
    reference = tree.files.get("docs/codes.rst")
    if reference is None:
        return
    sections = re.findall(r"^``?([a-z-]+)``?\n[-=~^]{3,}$|^([a-z-]+)\n[-=~^]{3,}$", reference,
                          re.MULTILINE)
    described = {a or b for a, b in sections} | set(re.findall(r"^\W*``([a-z-]+)``", reference,
                                                                re.MULTILINE))
    for code, text in table:
        if text not in described:
            yield "docs/codes.rst", 1, f"{text} is not described"


RULES_FILE = "src/node_device/conflict/ap_conflict_rules.c"
COLUMNS = ("define", "start, live", "guest")


def table_of_rules(tree):
    """Each code of the table in C: its judges, and its severities, usual and grave."""
    text = tree.read(RULES_FILE)
    prefixes = dict(re.findall(r'^#define (\w+) +"([^"]*)"', text, re.MULTILINE))
    for row in re.finditer(r"^    \[AP_CODE_(\w+)\] = \{[^\n]*\n(.*?)^    \},", text,
                           re.DOTALL | re.MULTILINE):
        judges = [prefixes.get(prefix, "?") + rest
                  for prefix, rest in re.findall(r'(\w+) "([^"]*:\w+) ?"', row[2])]
        words = re.findall(r"\b(ALLOW|WARN|REJECT)\b", row[2])
        line = text.count("\n", 0, row.start()) + 1
        yield row[1].lower().replace("_", "-"), line, judges, words


def documented_severities(tree):
    """The same severities as the table in docs/codes.rst tells them."""
    text = tree.read("docs/codes.rst")
    table = re.search(r"^(=+ +=+ +=+ +=+)\n.*?\n\1\n(.*?)\n\1\n", text, re.DOTALL | re.MULTILINE)
    starts = [m.start() for m in re.finditer(r"=+", table[1])] if table else []
    rows = {}
    for line in table[2].split("\n") if table else []:
        cells = [line[a:b].strip() for a, b in zip(starts, starts[1:] + [None])]
        if cells[0]:
            name = cells[0].strip("`")
            rows[name] = cells[1:]
        else:
            rows[name] = [f"{a} {b}".strip() for a, b in zip(rows[name], cells[1:])]
    for name, cells in rows.items():
        usual = [re.match(r"\\-|\w+", cell)[0] for cell in cells]
        grave = ["reject" if "; reject" in cell else word for cell, word in zip(cells, usual)]
        yield name, [("allow" if word == "\\-" else word).upper() for word in usual + grave]


def check_rules(tree):
    """Each code has a row in the table of rules, as docs/codes.rst tells it, and a judge."""
    enum = re.search(r"typedef enum \{([^}]*)\} ApCode;", tree.read("src/conf/ap_policy.h"))
    codes = [n.lower().replace("_", "-") for n in re.findall(r"AP_CODE_(\w+)", enum[1])]
    rows = list(table_of_rules(tree))
    documented = dict(documented_severities(tree))
    for code in set(codes) - {row[0] for row in rows}:
        yield RULES_FILE, 1, f"{code} has no rule"
    for code, line, judges, words in rows:
        if documented.get(code) != words:
            yield RULES_FILE, line, f"docs/codes.rst tells {code} in another way"
        name = "AP_CODE_" + code.upper().replace("-", "_")
        for path, function in (judge.split(":") for judge in judges):
            source = code_of(tree.files.get(path, ""))
            if not re.search(rf"^{function}\(", source, re.MULTILINE) or name not in source:
                yield RULES_FILE, line, f"{path}: no {function}() that finds {code}"
        used = [path for path, text in tree.under(["src/"], ".c")
                if name in text and path not in (RULES_FILE, "src/conf/ap_policy.c")]
        if used and not judges:
            yield RULES_FILE, line, f"{code} is found in {used[0]}, but the rule names no judge"


def load_drawing():
    spec = importlib.util.spec_from_file_location("draw_rooms", TOP / "docs/draw_rooms.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_rooms(tree):
    """The picture of the rooms shows the includes as they are."""
    picture = tree.top / "docs/rooms.svg"
    if not picture.exists():
        raise LookupError("docs/rooms.svg is missing")
    drawing = load_drawing()
    if drawing.draw(drawing.read_includes(tree.top)) != picture.read_text(encoding="utf-8"):
        yield "docs/draw_rooms.py", 1, "the includes changed: draw docs/rooms.svg again"


# Words and turns that a tired reader stumbles over; what to say instead.
STUMBLES = {
    r"\banew\b": "again",
    r"\blikewise\b": "the same, in full",
    r"\b(?:up|where)on which\b|\bwhereupon\b|\bthere(?:of|upon)\b": "a sentence of its own",
    r"\bno more(?=[.,:;)])": "only, alone, nothing else",
    r"\bwithout a word\b": "silently",
    r"\bpass(?:es)? by it\b": "goes through it",
    r"\bis to do or nothing\b": "all of it or none",
    r"(?-i:\bOf [a-z]+(?: [a-z]+)? counts\b)": "subject, verb, object",
}
SPOKEN = (".c", ".h", ".py", ".sh", ".in", ".md", ".rst")


def check_prose(tree):
    """Documents, messages and comments are plain English."""
    for name, text in tree.under([""], *SPOKEN):
        if name.startswith("tests/lint/"):
            continue
        for pattern, better in STUMBLES.items():
            for line, found in lines_matching(text, f"(?i:{pattern})"):
                yield name, line, f"'{found}': wanted {better}"


# Programs that a message may send people to.
PROGRAMS = {"apparmor_parser", "ausearch", "echo", "chzdev", "cat", "driverctl", "git", "journalctl", "kill", "ln", "ls", "lscss", "lszcrypt", "lszdev",
            "mdevctl", "modprobe", "mount", "mv", "rm", "systemctl", "udevadm", "virsh", "virt-xml"}


def known_commands(tree):
    table = re.search(r"commands\[\] = \{([^}]*)\}", tree.read("tools/main.c"))
    commands = re.findall(r"&cmd_(\w+)", table[1]) if table else []
    if not commands:
        raise LookupError("no table of commands in tools/main.c")
    for command in commands:
        for _, text in tree.under(["tools/"], ".c"):
            found = re.search(rf"const Cmd cmd_{command} = \{{\s*\.name = \"([^\"]*)\"", text)
            if found:
                yield found[1]


def check_hints(tree):
    """A hint names only programs and commands of ours that exist."""
    commands = set(known_commands(tree))
    sources = tree.under(["src/", "tools/"], ".c", ".h")
    quoted = [(name, line, hint) for name, text in sources for line, string in strings_of(text)
              for hint in re.findall(r"`([^`]+)`", string)]
    quoted += [(name, line, found.strip("`")) for name, text in tree.files.items()
               if name.endswith(".rst") for line, found in lines_matching(text, r"``virt-ap [^`]*``")]
    for name, line, hint in quoted:
        words = [w for w in hint.split() if not w.startswith("-") and w != "sudo"]
        if words[:1] == ["virt-ap"]:
            if re.search(r"--root \S+", hint):
                words = re.sub(r"--root \S+", "", hint).split()
            command = next((w for w in words[1:] if not w.startswith("-")), "COMMAND")
            if command not in commands | {"COMMAND", "%s"}:
                yield name, line, f"`{hint}`: there is no command {command}"
        elif words and " " in hint and words[0] not in PROGRAMS:
            yield name, line, f"`{hint}`: an unknown program"


# Who may print: the printer, and the first programs of callout and hook, which are linked with
# nothing that escapes and say only what stands in them.
PRINTERS = ("src/util/ap_print.c", "src/node_device/callout/ap_callout_front.c",
            "src/qemu/qemu_ap_hook.c")
PRINTING = (r"(?<![\w.>])(?:v?f?printf|v?dprintf|puts|fputs|putc|putchar|fputc|fwrite|perror|psignal"
            r"|g_print|g_printerr|g_message|g_warning|g_info|g_debug)\s*\("
            r"|\bwritev?\s*\(\s*(?:1|2|STDOUT_FILENO|STDERR_FILENO)\b")


def check_printers(tree):
    """All text goes through ap_print(), which escapes what a terminal must not see."""
    for name, text in tree.under(["src/", "tools/"], ".c", ".h"):
        if name in PRINTERS:
            continue
        for line, found in lines_matching(code_of(text), PRINTING):
            yield name, line, f"{found}): wanted ap_print(), ap_print_error() or ap_print_json()"


RULES = {"numbers": check_numbers, "goto": check_goto, "leftovers": check_leftovers,
         "licence": check_licence, "docs": check_docs, "layers": check_layers,
         "format": check_format, "places": check_places, "codes": check_codes,
         "hints": check_hints, "rules": check_rules, "printers": check_printers,
         "rooms": check_rooms, "prose": check_prose}


def lint(top, rules=tuple(RULES)):
    """Yields (rule, path, line, what) for all that is wrong."""
    tree = Tree(top)
    for rule in rules:
        try:
            for name, line, what in RULES[rule](tree):
                yield rule, name, line, what
        except LookupError as error:
            yield rule, ".", 0, f"cannot look: {error}"


def main():
    findings = list(lint(sys.argv[1] if len(sys.argv) > 1 else TOP))
    for rule, name, line, what in findings:
        print(f"{name}:{line}: {what} [{rule}]")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
