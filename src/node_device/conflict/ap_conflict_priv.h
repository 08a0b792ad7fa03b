/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the conflict rules share: one judgement, and its report. */
#pragma once

#include "node_device/conflict/ap_conflict.h"
#include "node_device/conflict/ap_conflict_rules.h"
#include "util/ap_apqn_set.h"

/* One candidate in one phase. */
typedef struct {
    ApInventory *inventory;
    ApHost *host;
    const ApCandidate *candidate;
    ApMatrix matrix;   /* what is judged */
    ApPhase phase;
    gboolean audit;    /* what concerns the host, not the matrix, is told apart, once */
    ApApqnSet said;    /* APQNs that host-owned or in-use have named already */
    gboolean at_boot;  /* the findings that follow are about the next boot */
    ApMatrix ids;      /* they are about these ids, see ApFinding */
    GPtrArray *findings;
} ApJudge;

/* The guest of the candidate: the one that is judged, else the one that holds its mdev or names it;
 * NULL if there is none or it cannot be known. */
const ApGuest *
ap_judge_get_guest(ApJudge *judge);

/* Adds a finding, unless the configuration allows it. @apqns may be NULL, @other too; takes over
 * @message and @hint (NULL: ""). */
void
ap_judge_report(ApJudge *judge, ApCode code, ApWeight weight, const ApApqnSet *apqns,
                const ApMdev *other, char *message, char *hint);

/* The same, with the other side's mdev and guest given one by one. */
void
ap_judge_report_other(ApJudge *judge, ApCode code, ApWeight weight, const ApApqnSet *apqns,
                      const char *other_mdev, const ApGuest *other_guest, char *message,
                      char *hint);

/* Adds a finding of severity reject that the configuration cannot change. Takes over @message and
 * @hint. */
void
ap_judge_refuse(ApJudge *judge, ApCode code, char *message, char *hint);

/* The same, about APQNs and the other side's mdev, both of which may be NULL. */
void
ap_judge_refuse_other(ApJudge *judge, ApCode code, const ApApqnSet *apqns, const ApMdev *other,
                      char *message, char *hint);

/* "APQN 05.0047 (adapter 5, domain 71) " and @rest, then the other APQNs of @apqns. */
char *
ap_judge_say(const ApApqnSet *apqns, const char *rest, ...) G_GNUC_PRINTF(2, 3);

/* What could be taken instead, on the adapters of the judged matrix; then @otherwise. */
char *
ap_judge_suggest(ApJudge *judge, const char *otherwise);

/* The guest whose running instance has the mdev, else the first that names it; NULL if there is
 * none or it cannot be known. */
const ApGuest *
ap_judge_find_guest_of(ApInventory *inventory, const char *uuid);

/* How messages call an mdev of which no more is known than its guests: "mdev UUID of guest 'NAME'
 * (running)". */
char *
ap_judge_describe_uuid(ApJudge *judge, const char *uuid);

/* How messages call the candidate of an audit, which has a uuid. */
char *
ap_judge_describe_candidate(ApJudge *judge);

/* How messages call an mdev: "mdev UUID of guest 'NAME' (running)". */
char *
ap_judge_describe_mdev(ApJudge *judge, const ApMdev *mdev);

/* One judgement of @candidate in @phase. */
ApJudge
ap_judge_make(ApInventory *inventory, const ApCandidate *candidate, ApPhase phase,
              GPtrArray *findings);

/* Judges the candidate in each of @phases. */
void
ap_judge_phases(ApInventory *inventory, const ApCandidate *candidate, guint phases,
                gboolean audit, GPtrArray *findings);

/* What cannot be read and may say who has an mdev. */
void
ap_judge_hidden_holders(ApJudge *judge);

/* Whatever cannot be read. */
void
ap_judge_problems(ApJudge *judge);

/* What concerns the host and not the matrix. */
void
ap_judge_surroundings(ApJudge *judge);

/* An mdev that a guest names, as the inventory knows it, or as the guest brings it with it; FALSE
 * if neither. */
gboolean
ap_judge_named_mdev(ApInventory *inventory, const ApGuest *guest, const char *uuid, guint phases,
                    ApCandidate *ret_candidate, guint *ret_phases);

/* What of a guest is no question of a matrix. */
void
ap_judge_guest_itself(ApInventory *inventory, const ApGuest *guest, gboolean audit,
                      GPtrArray *findings);

/* ap_conflict_share.c: the matrix against one other mdev. */
void
ap_judge_pair(ApJudge *judge, const ApMdev *other);

/* ap_conflict_share.c: how many guests of one mdev an audit names in pairs. */
#define AP_JUDGE_GUESTS_MAX 9

/* ap_conflict_host.c: the matrix against the machine and the host. */
void
ap_judge_host(ApJudge *judge);

/* ap_conflict_owned.c: the matrix against the host's own drivers. */
void
ap_judge_owned(ApJudge *judge);

/* ap_conflict_owned.c: of a queue whose driver_override no driver answers to: how it is misspelt;
 * NULL of another. */
char *
ap_judge_find_misspelt_override(ApJudge *judge, ApApqn apqn);

/* ap_conflict_owned.c: a command for each queue that is there; of many the first few show how it
 * goes. */
char *
ap_judge_suggest_overrides(ApJudge *judge, const ApApqnSet *set);

/* ap_conflict_owned.c: how the host's own queues could become the guests': "or free it: ...". */
char *
ap_judge_suggest_freeing(ApJudge *judge, const ApApqnSet *owned);

/* ap_conflict_host.c: masks and driver_override at the same time. */
void
ap_judge_binding(ApJudge *judge);

/* ap_conflict_boot.c: whether the candidate, a definition, starts at boot: by itself, or with a
 * guest that does. Loads the guests only if some guest may. */
gboolean
ap_judge_starts_at_boot(ApJudge *judge);

/* ap_conflict_boot.c: what starts at boot, against what holds then. */
void
ap_judge_boot(ApJudge *judge);

/* ap_conflict_boot.c: an active matrix against its definition. */
void
ap_judge_kept(ApJudge *judge);

/* ap_conflict_keys.c: the queues served another guest before. */
void
ap_judge_previous_owner(ApJudge *judge);

/* ap_conflict_needs.c: the host cannot do without the queues that it is to give away. */
void
ap_judge_needs(ApJudge *judge);

/* ap_conflict_needs.c: the same, of queues that need not be a rectangle. */
void
ap_judge_given(ApJudge *judge, const ApApqnSet *given);

/* ap_conflict_needs.c: what the host needs and does not have, whoever has it. */
void
ap_judge_kept_needs(ApJudge *judge);

/* ap_conflict_step.c: the steps that lead to the matrix; FALSE if one cannot be taken. */
gboolean
ap_judge_steps(ApJudge *judge);

/* ap_conflict_share.c: the matrix against all other matrices and guests. */
void
ap_judge_sharing(ApJudge *judge);

/* ap_conflict_share.c: two guests that name one mdev. */
void
ap_judge_shared_mdev(ApJudge *judge);

/* ap_conflict_live.c: mdevs that go or come, of which only the queues tell what they hold. */
void
ap_judge_going(ApJudge *judge);

/* ap_conflict_live.c: queues that the guest has and vfio_ap does not. */
void
ap_judge_beyond_binding(ApJudge *judge);

/* ap_conflict_live.c: somebody whom the system's libvirt does not know has the mdev. */
void
ap_judge_foreign_user(ApJudge *judge);

/* ap_conflict_share.c: who could change whose master keys. */
void
ap_judge_control(ApJudge *judge);

/* ap_conflict_host.c: the APQNs that the guest of the matrix has, as the kernel shows them. Returns
 * whether the kernel could have told, but was not asked. */
gboolean
ap_judge_get_visible(ApJudge *judge, ApApqnSet *ret_visible);

/* ap_conflict_view.c: what the guest's CPU hides, what it or anybody can bind. */
void
ap_judge_view(ApJudge *judge);

/* ap_conflict_view.c: a running guest has no usable queue, or would have none. */
void
ap_judge_left(ApJudge *judge);

/* ap_conflict_boot.c: what takes the ids of @mask away in chzdev's words: "apmask=-0x05,-0x06". */
char *
ap_judge_format_away(const char *name, const ApMask *mask);

/* ap_conflict_uuid.c: other mdevs of the same UUID. */
void
ap_judge_uuid(ApJudge *judge);
