-- Adds messages to a verification: transition::enqueue.
CREATE FUNCTION {schema}.watchword_enqueue_v1(
    namespace text, now bigint, vid uuid, claimed_by text, lease_until bigint,
    message_ids uuid[], routes text[], messages bytea[], masked_to text[], not_before bigint[]
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification;
    done boolean;
BEGIN
    one := {schema}.watchword_lock_v1(namespace, now, vid, true);
    IF one.vid IS NULL OR one.state <> 0 THEN RETURN ROW('gone'::text); END IF;
    IF {schema}.watchword_is_locked_v1(one.attempts, one.max_attempts, one.sends, one.max_sends) THEN
        RETURN ROW('locked'::text, one);
    END IF;
    IF cardinality(message_ids) > 0 THEN
        one.last_sent_at := now;
        UPDATE {schema}.watchword_verification v SET last_sent_at = now WHERE v.vid = one.vid;
    END IF;
    done := {schema}.watchword_enter_v1(namespace, now, one.vid, one.expires_at, 1, cardinality(message_ids), message_ids, routes,
        messages, masked_to, not_before, claimed_by, lease_until);
    RETURN ROW('sent'::text, one);
END
$function$;
