-- Gives a verification its address: transition::set_address.
CREATE FUNCTION {schema}.watchword_set_address_v1(
    namespace text, now bigint, name_key uuid, expected uuid, channel text, address text, guess_subject uuid,
    throttled_channel text, throttled_ip uuid, throttled_target uuid, claimed_by text, lease_until bigint,
    message_ids uuid[], routes text[], messages bytea[], masked_to text[], not_before bigint[]
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification;
    refused record;
    done boolean;
BEGIN
    IF throttled_channel IS NOT NULL THEN
        IF throttled_ip IS NOT NULL THEN
            done := pg_advisory_xact_lock(uuid_hash_extended(throttled_ip, 2)) IS NOT NULL;
        END IF;
        IF throttled_target IS NOT NULL THEN
            done := pg_advisory_xact_lock(uuid_hash_extended(throttled_target, 3)) IS NOT NULL;
        END IF;
    END IF;
    one := {schema}.watchword_lock_v1(namespace, now, name_key, false);
    IF one.vid IS NULL THEN RETURN ROW('gone'::text); END IF;
    IF one.vid <> expected THEN RETURN ROW('changed'::text); END IF;
    IF one.channel IS NOT NULL THEN RETURN ROW('address_set'::text, one); END IF;
    IF {schema}.watchword_is_locked_v1(one.attempts, one.max_attempts, one.sends, one.max_sends) THEN
        RETURN ROW('locked'::text, one);
    END IF;
    IF throttled_channel IS NOT NULL THEN
        refused := {schema}.watchword_take_room_v1(namespace, now, throttled_channel, throttled_ip, throttled_target, true);
        IF refused IS NOT NULL THEN RETURN refused; END IF;
    END IF;

    one.channel := channel;
    one.address := address;
    one.guess_subject := guess_subject;
    IF cardinality(message_ids) > 0 THEN one.last_sent_at := now; END IF;
    UPDATE {schema}.watchword_verification v
        SET channel = channel, address = address, guess_subject = guess_subject, last_sent_at = one.last_sent_at
        WHERE v.vid = one.vid;
    done := {schema}.watchword_enter_v1(namespace, now, one.vid, one.expires_at, 1, cardinality(message_ids), message_ids, routes,
        messages, masked_to, not_before, claimed_by, lease_until);
    RETURN ROW('sent'::text, one);
END
$function$;
