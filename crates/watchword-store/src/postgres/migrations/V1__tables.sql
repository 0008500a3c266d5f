-- The tables. {schema} is put in by the migration, quoted.
-- Times are milliseconds since the Unix epoch, UTC. Ids are UUIDs; so are keyed hashes and keys of names, which have 16 bytes too.
-- Never change a migration that was released: add the next one beside it. Functions of the version before still read and write
-- these tables while nodes are upgraded one by one: new columns need a default and come last.
--
-- What changes often is in no index, and pages have room (fillfactor), so that updates stay on their page (HOT).
-- Text is compared byte by byte: no locale decides what is equal, or in which order.

-- Grows with every verification: the newest has the highest.
CREATE SEQUENCE {schema}.watchword_number;

CREATE TABLE {schema}.watchword_verification (
    number              bigint  NOT NULL, -- a replacement takes a new one
    name_key            uuid,             -- hash of how it is found: by external id, else by target. NULL: by vid only
    vid                 uuid    NOT NULL, -- a replacement has its own
    namespace           text    NOT NULL COLLATE "C",
    external_id         text    COLLATE "C",
    channel             text    COLLATE "C",
    address             text    COLLATE "C", -- as given
    route               text    NOT NULL COLLATE "C",
    guess_subject       uuid    NOT NULL, -- which row of watchword_guess_count its wrong checks are counted in
    passcode_key        bytea   NOT NULL, -- which key the digest is under
    passcode_digest     bytea   NOT NULL,
    lookup_digest       bytea,            -- only where a passcode is looked up by itself
    sealed_passcode     bytea,            -- only where the passcode is given back
    channel_description bytea   NOT NULL, -- text that may have zero bytes, which the type text can't hold
    address_description bytea   NOT NULL, -- the same
    extra               bytea,            -- JSON, to the byte as given
    state               smallint NOT NULL, -- 0 pending, 1 approved, 2 canceled
    attempts            bigint  NOT NULL,
    sends               bigint  NOT NULL,
    max_attempts        bigint,
    max_sends           bigint,
    on_right            smallint NOT NULL, -- a right check: 0 changes nothing, 1 approves, 2 approves and deletes
    created_at          bigint  NOT NULL,
    expires_at          bigint  NOT NULL,
    kept_after          bigint  NOT NULL, -- milliseconds past expires_at
    last_sent_at        bigint,
    garbage_at          bigint  NOT NULL  -- expires_at + kept_after: the purge takes it from then on
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
-- In the order of their numbers, or the newest would have to be sorted out.
CREATE INDEX watchword_verification_by_name ON {schema}.watchword_verification (name_key, number) WHERE name_key IS NOT NULL;
CREATE INDEX watchword_verification_by_vid ON {schema}.watchword_verification (vid);
CREATE INDEX watchword_verification_by_garbage_at ON {schema}.watchword_verification (garbage_at);
CREATE INDEX watchword_verification_by_lookup_digest ON {schema}.watchword_verification (lookup_digest, number)
    WHERE lookup_digest IS NOT NULL;

-- Messages still to be sent. They are few, and apart from the records below: what is looked through for work stays small.
CREATE TABLE {schema}.watchword_outbox (
    id         uuid    NOT NULL PRIMARY KEY,
    vid        uuid    NOT NULL,
    namespace  text    NOT NULL COLLATE "C",
    route      text    NOT NULL COLLATE "C",
    message    bytea   NOT NULL,              -- sealed
    masked_to  text    NOT NULL,
    state      smallint NOT NULL,             -- 0 due: to be sent at due_at; 1 claimed: a node has it until due_at
    due_at     bigint  NOT NULL,
    fence      bigint  NOT NULL,              -- counts the claims
    claimed_by text    COLLATE "C",
    attempts   text[]  NOT NULL DEFAULT '{}', -- one JSON object each, oldest first
    created_at bigint  NOT NULL,
    expires_at bigint  NOT NULL,
    message_key uuid                          -- of the newest attempt that has a message id; goes into its record
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000);
CREATE INDEX watchword_outbox_by_vid ON {schema}.watchword_outbox (vid);
CREATE INDEX watchword_outbox_by_due_at ON {schema}.watchword_outbox (due_at, id);

-- What became of messages, for support. No message is in here.
CREATE TABLE {schema}.watchword_delivery_record (
    id          uuid    NOT NULL PRIMARY KEY,
    vid         uuid    NOT NULL,
    namespace   text    NOT NULL COLLATE "C",
    route       text    NOT NULL COLLATE "C",
    masked_to   text    NOT NULL,
    state       smallint NOT NULL,            -- 2 accepted, 3 failed, 4 expired, 5 canceled
    ended_at    bigint  NOT NULL,
    fence       bigint  NOT NULL,
    claimed_by  text    COLLATE "C",
    attempts    text[]  NOT NULL,
    created_at  bigint  NOT NULL,
    expires_at  bigint  NOT NULL,
    message_key uuid                          -- hash of the provider and its id of the message (`name_key`), for receipts
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX watchword_delivery_record_by_ended_at ON {schema}.watchword_delivery_record (ended_at);
CREATE INDEX watchword_delivery_record_by_message ON {schema}.watchword_delivery_record (message_key)
    WHERE message_key IS NOT NULL;

-- Wrong guesses in a row: checks of one target, look-ups of one channel.
CREATE TABLE {schema}.watchword_guess_count (
    subject        uuid   NOT NULL, -- keyed hash
    namespace      text   NOT NULL COLLATE "C",
    wrong_in_a_row bigint NOT NULL,
    refused_until  bigint NOT NULL,
    last_wrong_at  bigint NOT NULL,
    garbage_at     bigint NOT NULL,
    garbage_minute bigint NOT NULL, -- garbage_at without its seconds, for the index: it changes once a minute at most
    PRIMARY KEY (subject, namespace)
) WITH (fillfactor = 70);
CREATE INDEX watchword_guess_count_by_garbage_minute ON {schema}.watchword_guess_count (garbage_minute);

-- The rules of a channel: the most messages, and in how many milliseconds. Where there is no row there are none.
CREATE TABLE {schema}.watchword_throttle_rules (
    namespace      text     NOT NULL COLLATE "C",
    channel        text     NOT NULL COLLATE "C",
    ip_rates       bigint[] NOT NULL DEFAULT '{}',
    ip_windows     bigint[] NOT NULL DEFAULT '{}',
    target_rates   bigint[] NOT NULL DEFAULT '{}',
    target_windows bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (namespace, channel)
) WITH (fillfactor = 70);

-- When messages were sent, by whom or to whom.
CREATE TABLE {schema}.watchword_send_times (
    subject        uuid     NOT NULL, -- keyed hash
    namespace      text     NOT NULL COLLATE "C",
    times          bigint[] NOT NULL, -- oldest first
    garbage_at     bigint   NOT NULL,
    garbage_minute bigint   NOT NULL, -- as in watchword_guess_count
    PRIMARY KEY (subject, namespace)
) WITH (fillfactor = 70);
CREATE INDEX watchword_send_times_by_garbage_minute ON {schema}.watchword_send_times (garbage_minute);

-- Requests that count once.
CREATE TABLE {schema}.watchword_handled_request (
    key        uuid   NOT NULL, -- keyed hash
    namespace  text   NOT NULL COLLATE "C",
    garbage_at bigint NOT NULL, -- it is remembered until then
    PRIMARY KEY (key, namespace)
);
CREATE INDEX watchword_handled_request_by_garbage_at ON {schema}.watchword_handled_request (garbage_at);

-- Fingerprints of the keys that rows may be under.
CREATE TABLE {schema}.watchword_key (
    id bytea NOT NULL PRIMARY KEY
);

-- The data key of servers that have none of their own, wrapped: one slot a secret. A few rows at the most.
CREATE TABLE {schema}.watchword_key_slot (
    slot bytea NOT NULL PRIMARY KEY
);
