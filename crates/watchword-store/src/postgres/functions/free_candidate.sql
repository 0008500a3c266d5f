-- The number of the first candidate that no live verification of the channel holds, locked until it is stored; NULL: all are taken.
--
-- First those that somebody else is about to take are passed over, so that starts at once need not wait for each other. Only where
-- that leaves none is each waited for: whoever was about to take it may have failed.
CREATE FUNCTION {schema}.watchword_free_candidate_v1(
    namespace text, now bigint, unique_in text, candidates integer, taken_of integer[], taken_if bytea[]
) RETURNS integer LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    place integer;
    is_free boolean;
    passed_over boolean := false;
    lock bigint;
BEGIN
    FOR waits IN 0..1 LOOP
        place := 1;
        FOR candidate IN 1..candidates LOOP
            is_free := true;
            WHILE taken_of[place] = candidate LOOP
                IF is_free THEN
                    lock := hashtextextended(encode(taken_if[place], 'hex'), 5);
                    IF waits = 1 THEN
                        PERFORM pg_advisory_xact_lock(lock);
                    ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
                        is_free := false;
                        passed_over := true;
                    END IF;
                    is_free := is_free AND NOT EXISTS (
                        SELECT FROM {schema}.watchword_verification v
                            WHERE v.lookup_digest = taken_if[place] AND v.namespace = namespace AND v.channel = unique_in
                                AND v.expires_at > now AND v.state <> 2);
                END IF;
                place := place + 1;
            END LOOP;
            IF is_free THEN RETURN candidate; END IF;
        END LOOP;
        IF NOT passed_over THEN RETURN NULL; END IF;
    END LOOP;
    RETURN NULL;
END
$function$;
