-- The life of a delivery: transition::extend, hasten, end_delivery; and what operators ask.

-- Ends an open delivery: its message is erased, and a record stays where records are kept.
CREATE FUNCTION {schema}.watchword_end_delivery_v1(
    delivery {schema}.watchword_outbox, ended smallint, p_now bigint, keeps_records boolean
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM {schema}.watchword_outbox WHERE id = delivery.id;
    IF keeps_records THEN
        INSERT INTO {schema}.watchword_delivery_record (
            id, vid, namespace, route, masked_to, state, ended_at, fence, claimed_by, attempts, created_at, expires_at,
            message_key
        ) VALUES (
            delivery.id, delivery.vid, delivery.namespace, delivery.route, delivery.masked_to, ended, p_now, delivery.fence,
            delivery.claimed_by, delivery.attempts, delivery.created_at, delivery.expires_at, delivery.message_key
        );
    END IF;
END
$$;

-- Tells nodes that listen that this delivery is due and that nobody has it. Commits that tell something wait for each other, so
-- where others are waiting already, which was told before, nothing is told again.
CREATE FUNCTION {schema}.watchword_wake_v1(p_id uuid, p_now bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.watchword_outbox WHERE due_at <= p_now AND state = 0 AND id <> p_id) THEN
        PERFORM pg_catalog.pg_notify('watchword_due', '{schema}');
    END IF;
END
$$;

CREATE FUNCTION {schema}.watchword_extend_v1(p_namespace text, p_id uuid, p_fence bigint, lease_until bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE {schema}.watchword_outbox SET due_at = lease_until
        WHERE id = p_id AND namespace = p_namespace AND state = 1 AND fence = p_fence;
    RETURN FOUND;
END
$$;

-- The state that it has or comes to: 0 due at once, 1 claimed, more: ended so. NULL: there is none.
CREATE FUNCTION {schema}.watchword_hasten_v1(p_now bigint, p_namespace text, p_id uuid, keeps_records boolean)
RETURNS smallint LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    delivery {schema}.watchword_outbox;
BEGIN
    SELECT * INTO delivery FROM {schema}.watchword_outbox WHERE id = p_id AND namespace = p_namespace FOR UPDATE;
    IF NOT FOUND THEN
        RETURN (SELECT state FROM {schema}.watchword_delivery_record WHERE id = p_id AND namespace = p_namespace);
    END IF;
    IF delivery.state <> 0 THEN
        RETURN delivery.state;
    END IF;
    IF p_now >= delivery.expires_at THEN
        PERFORM {schema}.watchword_end_delivery_v1(delivery, 4::smallint, p_now, keeps_records);
        RETURN 4;
    END IF;
    UPDATE {schema}.watchword_outbox SET due_at = least(due_at, p_now) WHERE id = p_id;
    PERFORM {schema}.watchword_wake_v1(p_id, p_now);
    RETURN 0;
END
$$;

-- Adds a provider's later word to the newest record of its message.
CREATE FUNCTION {schema}.watchword_receipt_v1(p_message_key uuid, told text)
RETURNS boolean LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE {schema}.watchword_delivery_record SET attempts = attempts || told WHERE id = (
        SELECT id FROM {schema}.watchword_delivery_record WHERE message_key = p_message_key
            ORDER BY ended_at DESC, id DESC LIMIT 1
    );
    RETURN FOUND;
END
$$;

-- Open ones and records together, the highest id first.
CREATE FUNCTION {schema}.watchword_deliveries_v1(
    p_namespace text, p_state smallint, p_from uuid, p_before uuid, p_max bigint
) RETURNS TABLE (
    d_id uuid, d_vid uuid, d_namespace text, d_route text, d_message bytea, d_masked_to text, d_state smallint,
    d_due_at bigint, d_fence bigint, d_claimed_by text, d_attempts text[], d_created_at bigint, d_expires_at bigint
) LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    lowest constant uuid := coalesce(p_from, '00000000-0000-0000-0000-000000000000');
BEGIN
    RETURN QUERY
        (SELECT o.id, o.vid, o.namespace, o.route, o.message, o.masked_to, o.state, o.due_at, o.fence, o.claimed_by,
                o.attempts, o.created_at, o.expires_at
            FROM {schema}.watchword_outbox o
            WHERE o.id >= lowest AND (p_before IS NULL OR o.id < p_before)
                AND (p_namespace IS NULL OR o.namespace = p_namespace) AND (p_state IS NULL OR o.state = p_state)
            ORDER BY o.id DESC LIMIT p_max)
        UNION ALL
        (SELECT r.id, r.vid, r.namespace, r.route, NULL, r.masked_to, r.state, r.ended_at, r.fence, r.claimed_by,
                r.attempts, r.created_at, r.expires_at
            FROM {schema}.watchword_delivery_record r
            WHERE r.id >= lowest AND (p_before IS NULL OR r.id < p_before)
                AND (p_namespace IS NULL OR r.namespace = p_namespace) AND (p_state IS NULL OR r.state = p_state)
            ORDER BY r.id DESC LIMIT p_max)
        ORDER BY 1 DESC LIMIT p_max;
END
$$;

CREATE FUNCTION {schema}.watchword_delivery_v1(p_id uuid) RETURNS TABLE (
    d_id uuid, d_vid uuid, d_namespace text, d_route text, d_message bytea, d_masked_to text, d_state smallint,
    d_due_at bigint, d_fence bigint, d_claimed_by text, d_attempts text[], d_created_at bigint, d_expires_at bigint
) LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT o.id, o.vid, o.namespace, o.route, o.message, o.masked_to, o.state, o.due_at, o.fence,
            o.claimed_by, o.attempts, o.created_at, o.expires_at
        FROM {schema}.watchword_outbox o WHERE o.id = p_id;
    IF NOT FOUND THEN
        RETURN QUERY SELECT r.id, r.vid, r.namespace, r.route, NULL::bytea, r.masked_to, r.state, r.ended_at, r.fence,
                r.claimed_by, r.attempts, r.created_at, r.expires_at
            FROM {schema}.watchword_delivery_record r WHERE r.id = p_id;
    END IF;
END
$$;
