-- Begins a verification: transition::start.
--
-- Candidates are parallel arrays; `taken_of` and `message_of` say which candidate, from 1, a look-up digest or a message is of, and
-- count up. The key of the name is that of the external id, else of the target. What stands is answered with the number of the
-- candidate, from 1, and the counts: the caller knows the rest.
CREATE FUNCTION {schema}.watchword_start_v1(
    namespace text, now bigint, vid uuid, external_id text, name_key uuid, channel text, address text, route text,
    guess_subject uuid, on_live smallint, unique_in text, max_attempts bigint, max_sends bigint, expires_at bigint,
    kept_after bigint, garbage_at bigint, on_right smallint, channel_description bytea, address_description bytea, extra bytea,
    throttled_channel text, throttled_ip uuid, throttled_target uuid, dedupe_key uuid, dedupe_until bigint,
    claimed_by text, lease_until bigint,
    passcode_keys bytea[], passcode_digests bytea[], lookup_digests bytea[], sealed_passcodes bytea[],
    taken_of integer[], taken_if bytea[],
    message_of integer[], message_ids uuid[], routes text[], messages bytea[], masked_to text[], not_before bigint[],
    keeps_records boolean
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    replace CONSTANT smallint := 0;
    reuse CONSTANT smallint := 1;
    add CONSTANT smallint := 2;
    refuse CONSTANT smallint := 3;
    live {schema}.watchword_verification;
    refused record;
    -- With `Replace` a start counts as an attempt, the first one included.
    attempts bigint := (on_live = replace)::integer;
    sends bigint := 1;
    chosen integer := 1;
    first_message integer;
    last_message integer;
    last_sent_at bigint;
    done boolean;
BEGIN
    IF dedupe_key IS NOT NULL THEN
        done := pg_advisory_xact_lock(uuid_hash_extended(dedupe_key, 1)) IS NOT NULL;
    END IF;
    IF throttled_channel IS NOT NULL THEN
        IF throttled_ip IS NOT NULL THEN
            done := pg_advisory_xact_lock(uuid_hash_extended(throttled_ip, 2)) IS NOT NULL;
        END IF;
        IF throttled_target IS NOT NULL THEN
            done := pg_advisory_xact_lock(uuid_hash_extended(throttled_target, 3)) IS NOT NULL;
        END IF;
    END IF;
    IF dedupe_key IS NOT NULL AND EXISTS (
        SELECT FROM {schema}.watchword_handled_request h
            WHERE h.key = dedupe_key AND h.namespace = namespace AND h.garbage_at > now
    ) THEN
        RETURN ROW('duplicate'::text);
    END IF;

    -- Those of a target stand beside each other, and what is live does not matter to one that is added.
    IF name_key IS NOT NULL AND (on_live <> add OR external_id IS NOT NULL) THEN
        done := pg_advisory_xact_lock(uuid_hash_extended(name_key, 4)) IS NOT NULL;
        live := {schema}.watchword_lock_v1(namespace, now, name_key, false);
    END IF;
    IF live.vid IS NOT NULL THEN
        IF on_live = reuse THEN RETURN ROW('reused'::text, live); END IF;
        IF on_live IN (refuse, add) THEN RETURN ROW('exists'::text, live); END IF;
        attempts := {schema}.watchword_one_more_v1(live.attempts);
        sends := {schema}.watchword_one_more_v1(live.sends);
        IF {schema}.watchword_is_locked_v1(live.attempts, live.max_attempts, live.sends, live.max_sends)
            OR {schema}.watchword_is_locked_v1(attempts, max_attempts, sends, max_sends)
        THEN
            RETURN ROW('locked'::text, live);
        END IF;
    END IF;

    IF unique_in IS NOT NULL THEN
        chosen := {schema}.watchword_free_candidate_v1(namespace, now, unique_in, cardinality(passcode_keys), taken_of, taken_if);
    END IF;
    IF throttled_channel IS NOT NULL THEN
        refused := {schema}.watchword_take_room_v1(
            namespace, now, throttled_channel, throttled_ip, throttled_target, chosen IS NOT NULL);
        IF refused IS NOT NULL THEN RETURN refused; END IF;
    END IF;
    IF chosen IS NULL THEN RETURN ROW('no_free_candidate'::text); END IF;

    first_message := array_position(message_of, chosen);
    last_message := first_message + cardinality(array_positions(message_of, chosen)) - 1;
    IF first_message IS NOT NULL THEN last_sent_at := now; END IF;
    IF live.vid IS NOT NULL THEN
        done := {schema}.watchword_cancel_deliveries_v1(live.vid, now, keeps_records);
        -- In place: whoever waits for the row finds the new one when it is free.
        UPDATE {schema}.watchword_verification v SET
            number = nextval('{schema}.watchword_number'), vid = vid, external_id = external_id, channel = channel,
            address = address, route = route, guess_subject = guess_subject, passcode_key = passcode_keys[chosen],
            passcode_digest = passcode_digests[chosen], lookup_digest = lookup_digests[chosen],
            sealed_passcode = sealed_passcodes[chosen], channel_description = channel_description,
            address_description = address_description, extra = extra, state = 0, attempts = attempts, sends = sends,
            max_attempts = max_attempts, max_sends = max_sends, on_right = on_right, created_at = now,
            expires_at = expires_at, kept_after = kept_after, last_sent_at = last_sent_at, garbage_at = garbage_at
            WHERE v.vid = live.vid;
    ELSE
        INSERT INTO {schema}.watchword_verification (number, name_key, vid, namespace, external_id, channel, address, route,
                guess_subject, passcode_key, passcode_digest, lookup_digest, sealed_passcode, channel_description,
                address_description, extra, state, attempts, sends, max_attempts, max_sends, on_right, created_at,
                expires_at, kept_after, last_sent_at, garbage_at)
            VALUES (nextval('{schema}.watchword_number'), name_key, vid, namespace, external_id, channel, address, route,
                guess_subject, passcode_keys[chosen], passcode_digests[chosen], lookup_digests[chosen], sealed_passcodes[chosen],
                channel_description, address_description, extra, 0, attempts, sends, max_attempts, max_sends, on_right, now,
                expires_at, kept_after, last_sent_at, garbage_at);
    END IF;
    IF first_message IS NOT NULL THEN
        done := {schema}.watchword_enter_v1(namespace, now, vid, expires_at, first_message, last_message, message_ids, routes,
            messages, masked_to, not_before, claimed_by, lease_until);
    END IF;
    IF dedupe_key IS NOT NULL THEN
        INSERT INTO {schema}.watchword_handled_request (key, namespace, garbage_at) VALUES (dedupe_key, namespace, dedupe_until)
            ON CONFLICT ON CONSTRAINT watchword_handled_request_pkey DO UPDATE SET garbage_at = excluded.garbage_at;
    END IF;
    RETURN ROW('started'::text, chosen, attempts, sends);
END
$function$;
