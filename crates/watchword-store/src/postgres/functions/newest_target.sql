-- Finds a target by its passcode: transition::look_up. A refused look-up looks like a miss: NULL.
CREATE FUNCTION {schema}.watchword_newest_target_v1(
    namespace text, now bigint, channel text, digests bytea[], subject uuid, burst bigint, wait bigint
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    number bigint;
    address text;
    count {schema}.watchword_guess_count;
BEGIN
    SELECT v.number, v.address INTO number, address FROM {schema}.watchword_verification v
        WHERE v.lookup_digest = ANY (digests) AND v.namespace = namespace AND v.channel = channel
            AND v.expires_at > now AND v.state <> 2
        ORDER BY v.number DESC LIMIT 1;
    SELECT c.* INTO count FROM {schema}.watchword_guess_count c WHERE c.subject = subject AND c.namespace = namespace;
    IF now < count.refused_until THEN RETURN NULL; END IF;
    IF number IS NOT NULL AND count.subject IS NULL THEN RETURN ROW(channel, address); END IF;
    -- Only what writes waits for others.
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(subject, 6));
    SELECT c.* INTO count FROM {schema}.watchword_guess_count c WHERE c.subject = subject AND c.namespace = namespace;
    IF now < count.refused_until THEN RETURN NULL; END IF;
    IF number IS NULL THEN
        PERFORM {schema}.watchword_count_wrong_v1(count, subject, namespace, now, 0, 0, burst, wait);
        RETURN NULL;
    END IF;
    DELETE FROM {schema}.watchword_guess_count c WHERE c.subject = subject AND c.namespace = namespace;
    RETURN ROW(channel, address);
END
$function$;
