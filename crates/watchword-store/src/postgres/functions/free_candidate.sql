-- Whether a live verification of the channel has one of these look-up digests.
CREATE FUNCTION {schema}.watchword_is_taken_v1(namespace text, now bigint, unique_in text, digests bytea[])
    RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
BEGIN
    RETURN EXISTS (
        SELECT FROM {schema}.watchword_verification v
            WHERE v.lookup_digest = ANY (digests) AND v.namespace = namespace AND v.channel = unique_in
                AND v.expires_at > now AND v.state <> 2);
END
$function$;

-- The number of the first candidate that no live verification of the channel holds, locked until it is stored; NULL: all are taken.
--
-- A candidate that somebody else is about to take is passed over, so that starts at once need not wait for each other. Only where
-- that leaves none is somebody waited for: he may fail. Nobody waits while he has a candidate locked, in whichever order they come,
-- so nobody waits in a circle: what was locked in vain is let go by undoing the block that locked it.
CREATE FUNCTION {schema}.watchword_free_candidate_v1(
    namespace text, now bigint, unique_in text, candidates integer, taken_of integer[], taken_if bytea[]
) RETURNS integer LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    first integer;
    digests bytea[];
    digest bytea;
    lock bigint;
    is_locked boolean;
    passed_over bigint;
BEGIN
    LOOP
        passed_over := NULL;
        FOR candidate IN 1..candidates LOOP
            first := array_position(taken_of, candidate);
            IF first IS NULL THEN RETURN candidate; END IF;
            digests := taken_if[first:first + cardinality(array_positions(taken_of, candidate)) - 1];
            CONTINUE WHEN {schema}.watchword_is_taken_v1(namespace, now, unique_in, digests);
            BEGIN
                is_locked := true;
                FOREACH digest IN ARRAY digests LOOP
                    lock := hashtextextended(encode(digest, 'hex'), 5);
                    IF NOT pg_try_advisory_xact_lock(lock) THEN
                        passed_over := lock;
                        is_locked := false;
                        EXIT;
                    END IF;
                END LOOP;
                -- Somebody may have taken it since.
                IF is_locked AND NOT {schema}.watchword_is_taken_v1(namespace, now, unique_in, digests) THEN
                    RETURN candidate;
                END IF;
                RAISE EXCEPTION USING ERRCODE = 'WW000';
            EXCEPTION WHEN SQLSTATE 'WW000' THEN
                NULL;
            END;
        END LOOP;
        IF passed_over IS NULL THEN RETURN NULL; END IF;
        BEGIN
            PERFORM pg_advisory_xact_lock(passed_over);
            RAISE EXCEPTION USING ERRCODE = 'WW000';
        EXCEPTION WHEN SQLSTATE 'WW000' THEN
            NULL;
        END;
    END LOOP;
END
$function$;
