-- The data key of servers that have none of their own, wrapped: one slot a secret. A few rows at the most.
CREATE TABLE key_slot (
    slot BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
