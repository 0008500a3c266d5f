-- Which products' data was taken over, so that it is taken once.
CREATE TABLE {schema}.watchword_taken_over (
    product   text   NOT NULL PRIMARY KEY COLLATE "C",
    at        bigint NOT NULL,
    rules     bigint NOT NULL,
    passcodes bigint NOT NULL,
    sends     bigint NOT NULL,
    skipped   bigint NOT NULL
);
