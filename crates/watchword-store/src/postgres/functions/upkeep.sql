-- What keeps the store in order: the purge, numbers for metrics, keys.

-- Forgets the wrong guesses counted in these rows.
CREATE FUNCTION {schema}.watchword_unlock_v1(p_namespace text, subjects uuid[])
RETURNS boolean LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- As a check does: one that counts at the same time must not bring back what is forgotten.
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.uuid_hash_extended(ordered.subject, 6))
        FROM (SELECT unnest(subjects) AS subject ORDER BY 1) ordered;
    DELETE FROM {schema}.watchword_guess_count WHERE namespace = p_namespace AND subject = ANY (subjects);
    RETURN FOUND;
END
$$;

-- Removes at most so many rows that count for nothing any more. What somebody else has in hand is left for the next time.
CREATE FUNCTION {schema}.watchword_purge_v1(p_now bigint, records_before bigint, p_max bigint)
RETURNS bigint LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    room bigint := p_max;
    removed bigint;
    off text;
BEGIN
    -- Garbage that comes back in a crash is garbage still.
    off := pg_catalog.set_config('synchronous_commit', 'off', true);
    DELETE FROM {schema}.watchword_verification WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.watchword_verification WHERE garbage_at <= p_now
            ORDER BY garbage_at LIMIT room FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
    DELETE FROM {schema}.watchword_guess_count WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.watchword_guess_count WHERE garbage_minute <= p_now AND garbage_at <= p_now
            ORDER BY garbage_minute LIMIT room FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
    DELETE FROM {schema}.watchword_send_times WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.watchword_send_times WHERE garbage_minute <= p_now AND garbage_at <= p_now
            ORDER BY garbage_minute LIMIT room FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
    DELETE FROM {schema}.watchword_handled_request WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.watchword_handled_request WHERE garbage_at <= p_now
            ORDER BY garbage_at LIMIT room FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
    DELETE FROM {schema}.watchword_delivery_record WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {schema}.watchword_delivery_record WHERE ended_at <= records_before
            ORDER BY ended_at LIMIT room FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN p_max - room + removed;
END
$$;

-- How many rows: counted where they are few, else what the server estimates, for counting reads them all.
CREATE FUNCTION {schema}.watchword_stats_v1(OUT verifications bigint, OUT outbox bigint, OUT oldest_due bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    few constant bigint := 10000;
BEGIN
    SELECT count(*) INTO verifications FROM (SELECT FROM {schema}.watchword_verification LIMIT few + 1) counted;
    IF verifications > few THEN
        SELECT greatest(verifications, reltuples::bigint) INTO verifications FROM pg_catalog.pg_class
            WHERE oid = '{schema}.watchword_verification'::regclass;
    END IF;
    SELECT count(*) INTO outbox FROM {schema}.watchword_outbox;
    SELECT min(due_at) INTO oldest_due FROM {schema}.watchword_outbox;
END
$$;

-- What needs which key, by key. A sealed message begins with its key's id.
CREATE FUNCTION {schema}.watchword_key_uses_v1(p_now bigint)
RETURNS TABLE (key bytea, verifications bigint, messages bigint, until bigint) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY
        SELECT needed.key, sum(needed.verification)::bigint, sum(needed.message)::bigint, max(needed.until)
        FROM (
            SELECT passcode_key AS key, 1 AS verification, 0 AS message, garbage_at AS until
                FROM {schema}.watchword_verification WHERE garbage_at > p_now
            UNION ALL
            SELECT substr(o.message, 1, 8), 0, 1, o.expires_at
                FROM {schema}.watchword_outbox o WHERE octet_length(o.message) >= 8
        ) needed
        GROUP BY needed.key ORDER BY needed.key;
END
$$;

CREATE FUNCTION {schema}.watchword_keys_v1() RETURNS TABLE (id bytea) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY SELECT k.id FROM {schema}.watchword_key k ORDER BY k.id;
END
$$;

CREATE FUNCTION {schema}.watchword_register_keys_v1(ids bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO {schema}.watchword_key (id) SELECT unnest(ids) ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION {schema}.watchword_key_slots_v1() RETURNS TABLE (slot bytea) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY SELECT s.slot FROM {schema}.watchword_key_slot s ORDER BY s.slot;
END
$$;

CREATE FUNCTION {schema}.watchword_add_key_slots_v1(slots bytea[], is_first boolean)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- Two nodes that start at once must not both be the first.
    LOCK TABLE {schema}.watchword_key_slot IN SHARE ROW EXCLUSIVE MODE;
    IF is_first AND EXISTS (SELECT FROM {schema}.watchword_key_slot) THEN
        RETURN false;
    END IF;
    INSERT INTO {schema}.watchword_key_slot (slot) SELECT unnest(slots) ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- Whether this server takes writes: a standby does not.
CREATE FUNCTION {schema}.watchword_ready_v1() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN NOT pg_catalog.pg_is_in_recovery() AND NOT pg_catalog.current_setting('transaction_read_only')::boolean;
END
$$;

-- What time it is here, in milliseconds since the Unix epoch.
CREATE FUNCTION {schema}.watchword_time_v1() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint;
END
$$;
