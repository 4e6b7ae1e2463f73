-- SPDX-License-Identifier: Apache-2.0
-- A store of version 3, with one of everything (store_test.cpp). Never to be changed: such
-- files are out there, and each later version has to read them.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO broker VALUES(1,X'7373737373737373737373737373737373737373737373737373737373737373',3,1,1700000000000,'first',5000,1700000000000,0);
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
, replaced_by TEXT) STRICT;
INSERT INTO invitations VALUES(1,'i1','alice','bob',NULL,'first','inviter',1,1,1,1,1,1699999996000,1700086396000,NULL,1,CAST(X'6100622722c3a4' AS TEXT),NULL);
INSERT INTO invitations VALUES(2,'i2','alice',NULL,'family','all','members',0,0,0,0,1,1699999996000,1700086396000,NULL,1,X'00fffe',NULL);
INSERT INTO invitations VALUES(3,'i3','alice','bob',NULL,'all','invitees',0,0,0,0,3,1699999996000,1700086396000,1699999999000,1,X'',NULL);
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
INSERT INTO invitees VALUES(1,0,'bob','pending',1700000026000,NULL,NULL,NULL,0);
INSERT INTO invitees VALUES(2,0,'carol','pending',NULL,NULL,NULL,NULL,0);
INSERT INTO invitees VALUES(3,0,'bob','rejected',1700000026000,'bob','fedcba9876543210',2,0);
INSERT INTO invitees VALUES(3,1,'carol','timed_out',1700000026000,NULL,NULL,NULL,1);
CREATE TABLE notes (
    invitation INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    reason TEXT NOT NULL,
    data ANY,
    PRIMARY KEY (invitation, rev)
) STRICT, WITHOUT ROWID;
INSERT INTO notes VALUES(3,2,'busy','');
CREATE TABLE history (
    user TEXT NOT NULL,
    ended_ms INTEGER NOT NULL,
    invitation INTEGER NOT NULL,
    PRIMARY KEY (user, ended_ms, invitation)
) STRICT, WITHOUT ROWID;
INSERT INTO history VALUES('alice',1699999999000,3);
INSERT INTO history VALUES('bob',1699999999000,3);
INSERT INTO history VALUES('carol',1699999999000,3);
CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    made_after INTEGER NOT NULL,
    name TEXT,
    join_mode TEXT NOT NULL,
    profile TEXT
, described_by TEXT) STRICT, WITHOUT ROWID;
INSERT INTO "groups" VALUES('empty',0,NULL,'free','{}','carol');
INSERT INTO "groups" VALUES('family',1,'The ''family''','closed','{"":"ä","colour":"red"}','alice');
CREATE TABLE members (
    group_id TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL, brought_by TEXT,
    PRIMARY KEY (group_id, user)
) STRICT, WITHOUT ROWID;
INSERT INTO members VALUES('empty','carol','owner','carol');
INSERT INTO members VALUES('family','alice','owner','alice');
INSERT INTO members VALUES('family','bob','admin','alice');
CREATE TABLE calls (
    invitation INTEGER PRIMARY KEY,
    started_ms INTEGER,
    ended_ms INTEGER,
    reason TEXT NOT NULL,
    merged TEXT
) STRICT;
INSERT INTO calls VALUES(1,NULL,NULL,'',NULL);
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
INSERT INTO participants VALUES(1,0,'alice','0000000000000000',0,1,NULL);
CREATE INDEX forgotten ON invitations (ended_ms) WHERE NOT remembered;
COMMIT;
PRAGMA application_id = 1113940843;
PRAGMA user_version = 3;
