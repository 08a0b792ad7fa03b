# SPDX-License-Identifier: LGPL-2.1-or-later
"""What has to be answered in a world of worlds_test.py: set arithmetic from docs/codes.rst alone.

judge() gives two sets of reasons: those for which the answer must be no, and those for which it
may be. Where both are empty it has to be yes. Of what a program cannot read this model knows the
truth, so that a queue that only looks free is found out."""

from host_tree import FULL


class Matrix:
    def __init__(self, adapters=(), domains=(), control=()):
        self.adapters, self.domains, self.control = map(frozenset, (adapters, domains, control))
        self.pairs = {(a, d) for a in self.adapters for d in self.domains}

    def __eq__(self, other):
        return (isinstance(other, Matrix) and self.adapters == other.adapters
                and self.domains == other.domains and self.control == other.control)


class Answer:
    def __init__(self):
        self.no, self.unsure = set(), set()

    def must(self, reason, condition):
        if condition:
            self.no.add(reason)

    def may(self, reason, condition):
        if condition:
            self.unsure.add(reason)


def union(sets):
    return set().union(*sets)


def holds(world, mdev):
    """Who has it now or is about to: guests that run, are paused or are starting."""
    return ({g.name for g in world.guests.values() if g.runs and g.mdev == mdev}
            | {c.guest for c in world.claims if c.is_alive and c.mdev == mdev})


def boots(world, mdev):
    auto = mdev in world.defined and world.defined[mdev].auto
    return auto or any(g.mdev == mdev and g.boots for g in world.guests.values())


def live_of_others(world, mdev):
    return union(m.pairs for u, m in world.active.items() if u != mdev and u not in world.hidden)


def matrix_of(world, mdev):
    """What it is defined for, or what its guest brings."""
    if mdev in world.defined:
        return world.defined[mdev].matrix.pairs
    return union(g.brings.pairs for g in world.guests.values() if g.mdev == mdev and g.brings)


def reserved(world, mdev):
    """What is defined for another one that is active, starts at boot or is a guest's."""
    named = {g.mdev for g in world.guests.values()} | {c.mdev for c in world.claims if c.is_alive}
    others = (set(world.defined) | {g.mdev for g in world.guests.values() if g.brings}) - {mdev}
    return union(matrix_of(world, u) for u in others
                 if u in named or u in world.active or world.has_cut_guest or boots(world, u))


def has_no_masks(world):
    """Both full: what is bound counts."""
    return world.kernel >= (7, 0) and world.apmask == FULL and world.aqmask == FULL


def is_installed(world, pair):
    return pair[0] in world.adapters and pair[1] in world.domains


def hosts_own(world, pairs):
    if has_no_masks(world):
        return {p for p in pairs if is_installed(world, p)
                and world.driver(p) not in ("vfio_ap", "", None)}
    return {p for p in pairs if p[0] in world.apmask and p[1] in world.aqmask}


def hosts_own_after_boot(world, pairs):
    """A mask that no rule sets stays; nobody keeps a driver_override here. Of a mask that cannot be
    read the worst is to be thought."""
    apmask, aqmask = (world.rule.get(n, FULL if n in world.hidden_masks else now) for n, now in (
        ("apmask", world.apmask), ("aqmask", world.aqmask)))
    return {p for p in pairs if p[0] in apmask and p[1] in aqmask}


def visible(world, matrix):
    """One queue that is not bound to vfio_ap hides its adapter."""
    domains = matrix.domains & world.domains
    return {(a, d) for a in matrix.adapters & world.adapters for d in domains
            if all(world.driver((a, other)) == "vfio_ap" for other in domains)}


def is_free(world, pair):
    """What the queue says of itself, since Linux 6.0."""
    return (world.kernel >= (6, 0) and world.driver(pair) == "vfio_ap"
            and not any(pair in matrix.pairs for matrix in world.active.values()))


def judge_unreadable(world, mdev, pairs, held, answer):
    """@pairs: what is newly taken; @held: for what of it the guests are looked for."""
    for other in set(world.hidden) - {mdev}:
        # The kernel gives no queue of a matrix to the host.
        truth = world.active[other].pairs - hosts_own(world, world.active[other].pairs)
        is_garbage = world.hidden[other] == "garbage"
        answer.must("holder unreadable", pairs and is_garbage)
        answer.must("holder unreadable, has it", pairs & truth)
        answer.may("holder unreadable", True)
    answer.must("claim unreadable", pairs and world.has_cut_claim)
    answer.must("status unreadable", held and world.has_cut_status)
    answer.may("claim or status unreadable", world.has_cut_claim or world.has_cut_status)


def judge_ids(world, matrix, answer):
    answer.must("beyond limit", any(a > world.max_adapter for a in matrix.adapters) or any(
        d > world.max_domain for d in matrix.domains | matrix.control))
    answer.must("no usage domain", matrix.control and not matrix.domains)


def judge_host(world, matrix, answer):
    pairs = matrix.pairs
    answer.must("host's", hosts_own(world, pairs))
    answer.must("masks unreadable", pairs and world.hidden_masks)
    answer.may("masks unreadable", world.hidden_masks)
    lost = pairs - visible(world, matrix)
    answer.may("not bound", lost and (has_no_masks(world) or world.kernel < (6, 0)))


def judge_start(world, mdev, matrix, answer):
    pairs = matrix.pairs
    answer.must("in use", pairs & live_of_others(world, mdev))
    judge_host(world, matrix, answer)
    judge_ids(world, matrix, answer)
    # Where each queue says that nobody has it, nobody need be looked for.
    judge_unreadable(world, mdev, {p for p in pairs if not is_free(world, p)}, set(), answer)
    answer.must("not bound", world.kernel < (6, 0) and any(
        is_installed(world, p) and world.driver(p) != "vfio_ap" for p in pairs))
    answer.must("too big", world.kernel < (6, 10) and len(pairs) > 511)


def judge_define(world, question, answer):
    mdev, matrix, auto = question.mdev, question.matrix, question.auto
    old = world.defined.get(mdev)
    if old and matrix == old.matrix and not auto:
        return
    own = world.active.get(mdev, Matrix())
    kept = old.matrix.pairs if old else set()
    others = reserved(world, mdev) | live_of_others(world, mdev)
    answer.may("itself unreadable", mdev in world.hidden)
    answer.must("another's", (matrix.pairs - kept - own.pairs) & others)
    answer.may("another's, and active here", (not old or matrix != own) and
               (matrix.pairs - kept) & others)
    grows = matrix.pairs - kept - own.pairs
    # What a guest with a status has is active, and seen there.
    elsewhere = union(matrix_of(world, u) for u in world.defined if u != mdev)
    judge_unreadable(world, mdev, grows, grows & (elsewhere | others), answer)
    answer.may("masks unreadable", world.hidden_masks)
    answer.may("guest's definition unreadable", world.has_cut_guest)
    starts = auto or any(g.mdev == mdev and g.boots for g in world.guests.values())
    if not starts:
        return
    fresh = matrix.pairs - (kept if old and boots(world, mdev) else set())
    booting = union(matrix_of(world, u) for u in world.defined if u != mdev and boots(world, u))
    answer.must("another's after the boot", fresh & booting)
    answer.must("host's after the boot", hosts_own_after_boot(world, fresh))
    answer.must("rule for the boot unreadable", fresh and world.has_bad_rule)
    answer.may("rule for the boot unreadable", world.has_bad_rule)


def judge_cpu(world, question, pairs, answer):
    """What a guest with this CPU gets of @pairs."""
    cpu = question.cpu
    if cpu is None:
        return
    model, *features = cpu.split(",")
    answer.must("CPU without AP", "-ap" in features or (model and "ap" not in features))
    answer.may("CPU hides some", model)
    if model and pairs:
        small = all(d > 15 for _, d in pairs)
        answer.must("CPU hides all", question.operation == "prepare" and (
            "apft" not in features or ("apqci" not in features and small)))


def judge_use(world, mdev, answer):
    """Somebody has it open: a queue that is bound says so, since Linux 6.0."""
    used = mdev in world.used
    bound = used and any(world.driver(p) == "vfio_ap" for p in world.active[mdev].pairs)
    answer.must("in use", bound and world.kernel >= (6, 0) and mdev not in world.hidden)
    answer.may("in use", used or mdev in world.hidden)


def judge_guest(world, question, answer):
    name, mdev = question.guest, question.mdev
    answer.must("document cut", question.is_cut)
    answer.must("two hostdevs", question.second)
    active, defined = world.active.get(mdev), world.defined.get(mdev)
    granted = world.pools.get(name, set())
    if question.brings:
        answer.must("no pool gives it", question.brings.pairs - granted)
        answer.must("metadata differ", any(m and m != question.brings for m in (
            active, defined and defined.matrix)))
        answer.may("metadata", question.brings.control)
    matrix = active or (defined and defined.matrix) or question.brings
    answer.must("no such matrix", not matrix)
    if not matrix:
        return
    answer.must("itself unreadable", world.hidden.get(mdev) == "garbage")
    answer.may("itself unreadable", mdev in world.hidden)
    answer.must("another guest has it", holds(world, mdev) - {name})
    judge_use(world, mdev, answer)
    claimed = {c.mdev for c in world.claims if c.is_alive and c.guest != name} - {mdev}
    answer.must("another guest's queue", matrix.pairs & (
        live_of_others(world, mdev) | union(matrix_of(world, u) for u in claimed)))
    running = {g.mdev for g in world.guests.values() if g.runs} - {mdev}
    answer.may("another guest's definition",
               matrix.pairs & union(matrix_of(world, u) for u in running))
    answer.must("empty", not matrix.pairs)
    judge_host(world, matrix, answer)
    judge_ids(world, matrix, answer)
    judge_unreadable(world, mdev, matrix.pairs, matrix.pairs, answer)
    seen = visible(world, matrix)
    answer.must("sees nothing", not seen and any(is_installed(world, p) for p in matrix.pairs))
    judge_cpu(world, question, seen, answer)
    answer.may("guest's definition unreadable", world.has_cut_guest)
    if not active:
        judge_start(world, mdev, matrix, answer)
        answer.must("not to be started", not world.starts and not question.brings)
        answer.may("not to be started", not world.starts)


def judge_begin(world, question, answer):
    """The matrix was judged at prepare: what speaks against it may be said again."""
    whole = Answer()
    judge_guest(world, question, whole)
    answer.unsure = whole.no | whole.unsure
    answer.must("document cut", question.is_cut)
    judge_cpu(world, question, set(), answer)


def judge_stop(world, question, answer):
    mdev = question.mdev
    answer.must("a guest has it", holds(world, mdev))
    judge_use(world, mdev, answer)
    answer.must("claim or status unreadable", world.has_cut_claim or world.has_cut_status)


def judge(world, question):
    answer = Answer()
    operation = question.operation
    answer.may("a guest that has ended", world.has_ended_guest)
    if operation in ("define", "modify"):
        judge_define(world, question, answer)
    elif operation == "start":
        judge_start(world, question.mdev, question.matrix, answer)
    elif operation == "stop":
        judge_stop(world, question, answer)
    elif operation == "prepare":
        judge_guest(world, question, answer)
    else:
        judge_begin(world, question, answer)
    if operation in ("define", "modify", "start"):
        answer.must("bad attribute", question.bad_attr)
    return answer.no, answer.unsure
