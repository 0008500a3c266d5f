-- Times are milliseconds since the Unix epoch, UTC. Ids are the 16 bytes of a UUID.
-- Never change a migration that was released: add the next one beside it.

PRAGMA application_id = 0x57745764; -- "WtWd": tells our databases from everybody else's

-- The key of the hash in verification.lookup_key, so that nobody can choose many ids of one hash.
CREATE TABLE lookup_hash (
    key BLOB NOT NULL
) STRICT;
INSERT INTO lookup_hash (key) VALUES (randomblob(16));

CREATE TABLE verification (
    number              INTEGER PRIMARY KEY, -- grows with every row: the newest has the highest
    lookup_key          INTEGER,             -- hash of how it is found: by external id, else by target. What it stands for is
                                             -- compared too, so that a collision costs time and nothing else
    vid                 BLOB    NOT NULL,
    namespace           TEXT    NOT NULL,
    external_id         TEXT,
    channel             TEXT,
    address             TEXT,                -- as given
    route               TEXT    NOT NULL,
    guess_subject       BLOB    NOT NULL,    -- which row of guess_count its wrong checks are counted in
    passcode_key        BLOB    NOT NULL,    -- which key the digest is under
    passcode_digest     BLOB    NOT NULL,
    lookup_digest       BLOB,                -- only where a passcode is looked up by itself
    sealed_passcode     BLOB,                -- only where the passcode is given back
    channel_description TEXT    NOT NULL,
    address_description TEXT    NOT NULL,
    extra               TEXT,                -- JSON, to the byte as given
    state               INTEGER NOT NULL,    -- 0 pending, 1 approved, 2 canceled
    attempts            INTEGER NOT NULL,
    sends               INTEGER NOT NULL,
    max_attempts        INTEGER,
    max_sends           INTEGER,
    on_right            INTEGER NOT NULL,    -- a right check: 0 changes nothing, 1 approves, 2 approves and deletes
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    kept_after          INTEGER NOT NULL,    -- milliseconds past expires_at
    last_sent_at        INTEGER,
    garbage_at          INTEGER NOT NULL     -- expires_at + kept_after: the purge takes it from then on
) STRICT;
CREATE INDEX verification_by_lookup_key ON verification (lookup_key);
CREATE INDEX verification_by_vid ON verification (vid);
CREATE INDEX verification_by_garbage_at ON verification (garbage_at);
CREATE INDEX verification_by_lookup_digest ON verification (lookup_digest) WHERE lookup_digest IS NOT NULL;

-- Messages still to be sent. They are few, and apart from the records below: these trees stay small, and their pages are used again.
CREATE TABLE outbox (
    id         BLOB    NOT NULL PRIMARY KEY,
    vid        BLOB    NOT NULL,
    namespace  TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    message    BLOB    NOT NULL, -- sealed
    masked_to  TEXT    NOT NULL,
    claimed    INTEGER NOT NULL, -- 0: to be sent at due_at; 1: a node has it until due_at
    due_at     INTEGER NOT NULL,
    fence      INTEGER NOT NULL, -- counts the claims
    claimed_by TEXT,
    attempts   TEXT,             -- JSON; NULL while there are none
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_vid ON outbox (vid);
CREATE INDEX outbox_by_due_at ON outbox (due_at);

-- What became of messages, for support. No message is in here.
CREATE TABLE delivery_record (
    number     INTEGER PRIMARY KEY, -- in the order in which they ended, which the purge relies on
    id         BLOB    NOT NULL,
    vid        BLOB    NOT NULL,
    namespace  TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    masked_to  TEXT    NOT NULL,
    state      INTEGER NOT NULL, -- 2 accepted, 3 failed, 4 expired, 5 canceled
    ended_at   INTEGER NOT NULL,
    fence      INTEGER NOT NULL,
    claimed_by TEXT,
    attempts   TEXT,             -- JSON; NULL where there were none
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    provider   TEXT,             -- of the attempt that has the message id
    message_id TEXT              -- the provider's, for receipts
) STRICT;
-- A provider may report success just after the cancellation; only those are looked for by id.
CREATE INDEX delivery_record_canceled ON delivery_record (id) WHERE state = 5;
CREATE INDEX delivery_record_by_message_id ON delivery_record (message_id) WHERE message_id IS NOT NULL;

-- Wrong guesses in a row: checks of one target, look-ups of one channel.
CREATE TABLE guess_count (
    subject        BLOB    NOT NULL, -- keyed hash
    namespace      TEXT    NOT NULL,
    wrong_in_a_row INTEGER NOT NULL,
    refused_until  INTEGER NOT NULL,
    last_wrong_at  INTEGER NOT NULL,
    garbage_at     INTEGER NOT NULL,
    PRIMARY KEY (subject, namespace)
) STRICT, WITHOUT ROWID;
CREATE INDEX guess_count_by_garbage_at ON guess_count (garbage_at);

CREATE TABLE throttle_rules (
    namespace TEXT NOT NULL,
    channel   TEXT NOT NULL,
    by_ip     TEXT NOT NULL, -- JSON
    by_target TEXT NOT NULL, -- JSON
    PRIMARY KEY (namespace, channel)
) STRICT, WITHOUT ROWID;

-- When messages were sent, by whom or to whom.
CREATE TABLE send_times (
    subject    BLOB    NOT NULL, -- keyed hash
    namespace  TEXT    NOT NULL,
    times      BLOB    NOT NULL, -- 8 bytes each, big-endian, oldest first
    garbage_at INTEGER NOT NULL,
    PRIMARY KEY (subject, namespace)
) STRICT, WITHOUT ROWID;
CREATE INDEX send_times_by_garbage_at ON send_times (garbage_at);

-- Requests that count once.
CREATE TABLE handled_request (
    key        BLOB    NOT NULL, -- keyed hash
    namespace  TEXT    NOT NULL,
    garbage_at INTEGER NOT NULL, -- it is remembered until then
    PRIMARY KEY (key, namespace)
) STRICT, WITHOUT ROWID;
CREATE INDEX handled_request_by_garbage_at ON handled_request (garbage_at);

-- Fingerprints of the keys that rows may be under.
CREATE TABLE key (
    id BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Written and emptied again to find out whether the disk takes writes.
CREATE TABLE probe (
    filler BLOB NOT NULL
) STRICT;
