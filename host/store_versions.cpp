// SPDX-License-Identifier: Apache-2.0
#include "store_versions.hpp"

#include <array>

namespace beckon {

namespace {

/// Never change one that was released: add another.
constexpr std::array migrations{
    R"sql(
CREATE TABLE broker (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    device_secret BLOB NOT NULL,
    last_number INTEGER NOT NULL,
    commits INTEGER NOT NULL DEFAULT 0,
    clock_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    since_boot_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    wall_is_right INTEGER NOT NULL
) STRICT;
CREATE TABLE invitations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    invitee TEXT,
    group_id TEXT,
    answer TEXT NOT NULL,
    visibility TEXT NOT NULL,
    call INTEGER NOT NULL,
    online_only INTEGER NOT NULL,
    keep_when_lost INTEGER NOT NULL,
    inviter_was_online INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    lifetime_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    remembered INTEGER NOT NULL DEFAULT 1,
    data ANY
) STRICT;
CREATE INDEX forgotten ON invitations (ended_ms) WHERE NOT remembered;
CREATE TABLE invitees (
    invitation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user TEXT NOT NULL,
    state TEXT NOT NULL,
    deadline_ms INTEGER,
    ended_by TEXT,
    device TEXT,
    note INTEGER,
    adder INTEGER NOT NULL,
    PRIMARY KEY (invitation, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    invitation INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    reason TEXT NOT NULL,
    data ANY,
    PRIMARY KEY (invitation, rev)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    user TEXT NOT NULL,
    ended_ms INTEGER NOT NULL,
    invitation INTEGER NOT NULL,
    PRIMARY KEY (user, ended_ms, invitation)
) STRICT, WITHOUT ROWID;
CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    made_after INTEGER NOT NULL,
    name TEXT,
    join_mode TEXT NOT NULL,
    profile TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE members (
    group_id TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (group_id, user)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE calls (
    invitation INTEGER PRIMARY KEY,
    started_ms INTEGER,
    ended_ms INTEGER,
    reason TEXT NOT NULL,
    merged TEXT
) STRICT;
CREATE TABLE participants (
    invitation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    was_online INTEGER NOT NULL,
    takes_part INTEGER NOT NULL,
    hung_up TEXT,
    PRIMARY KEY (invitation, position)
) STRICT, WITHOUT ROWID;
-- Nobody had accepted one, and the inviter's device was not written down.
INSERT INTO calls SELECT number, NULL, NULL, '', NULL FROM invitations WHERE call = 1;
INSERT INTO participants
    SELECT number, 0, inviter, '0000000000000000', 0, 1, NULL FROM invitations WHERE call = 1;
)sql",
    R"sql(
ALTER TABLE invitations ADD COLUMN replaced_by TEXT;
-- Whose share they count for: so far, the owner's.
ALTER TABLE groups ADD COLUMN described_by TEXT;
ALTER TABLE members ADD COLUMN brought_by TEXT;
UPDATE groups SET described_by =
    (SELECT user FROM members WHERE group_id = groups.id AND role = 'owner');
UPDATE members SET brought_by =
    (SELECT user FROM members o WHERE o.group_id = members.group_id AND o.role = 'owner');
)sql",
    R"sql(
CREATE TABLE devices (
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    run TEXT NOT NULL,
    again_ms INTEGER NOT NULL,
    online INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (user, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE untold (
    number INTEGER PRIMARY KEY,
    since_ms INTEGER NOT NULL,
    receivers TEXT NOT NULL,
    event TEXT NOT NULL,
    online_only INTEGER NOT NULL,
    alone INTEGER NOT NULL
) STRICT;
)sql",
};

}  // namespace

std::span<const char* const> store_migrations() { return migrations; }

}  // namespace beckon
