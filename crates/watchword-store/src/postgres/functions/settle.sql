-- Records what became of claimed deliveries: transition::settle. One answer each, in order.

-- The arrays have one element a settlement, but `told`, which has the attempts of all one after the other: `tried` says how many
-- each has. A verdict of 0 is a retry at `retry_at`. `message_keys` are of the newest attempts that have a message id.
CREATE FUNCTION {schema}.watchword_settle_v1(
    p_now bigint, namespaces text[], ids uuid[], fences bigint[], verdicts smallint[], retry_at bigint[], tried bigint[],
    told text[], message_keys uuid[], keeps_records boolean
) RETURNS boolean[] LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    kept_attempts constant integer := 20;
    expired constant smallint := 4;
    answers boolean[] := '{}';
    added text[];
    ended smallint;
    next_told integer := 1;
    is_done boolean;
    off text;
BEGIN
    -- Lost in a crash of the server, a settlement lets its lease run out and the message go out once more, which may happen anyway.
    off := pg_catalog.set_config('synchronous_commit', 'off', true);
    IF cardinality(ids) > 1 THEN
        -- In one order, or two batches could wait for each other.
        PERFORM FROM {schema}.watchword_outbox WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    END IF;
    FOR place IN 1 .. cardinality(ids) LOOP
        added := told[next_told : next_told + tried[place] - 1];
        next_told := next_told + tried[place];
        ended := verdicts[place];
        is_done := false;
        IF ended = 0 THEN
            UPDATE {schema}.watchword_outbox o
                SET state = 0, due_at = retry_at[place], message_key = coalesce(message_keys[place], o.message_key),
                    attempts = (o.attempts || added)[greatest(1, cardinality(o.attempts || added) - kept_attempts + 1) :]
                WHERE o.id = ids[place] AND o.namespace = namespaces[place] AND o.state = 1 AND o.fence = fences[place]
                    AND o.expires_at > retry_at[place];
            is_done := FOUND;
            -- A retry that would come too late never comes.
            ended := expired;
        END IF;
        IF NOT is_done AND keeps_records THEN
            WITH settled AS (
                DELETE FROM {schema}.watchword_outbox o
                    WHERE o.id = ids[place] AND o.namespace = namespaces[place] AND o.state = 1 AND o.fence = fences[place]
                    RETURNING o.*
            )
            INSERT INTO {schema}.watchword_delivery_record (
                    id, vid, namespace, route, masked_to, state, ended_at, fence, claimed_by, attempts, created_at, expires_at,
                    message_key)
                SELECT s.id, s.vid, s.namespace, s.route, s.masked_to, ended, p_now, s.fence, s.claimed_by,
                       (s.attempts || added)[greatest(1, cardinality(s.attempts || added) - kept_attempts + 1) :],
                       s.created_at, s.expires_at, coalesce(message_keys[place], s.message_key)
                    FROM settled s;
            is_done := FOUND;
            IF NOT is_done AND verdicts[place] = 2 THEN
                -- What was canceled while the provider already had it is recorded as accepted all the same: it is what happened.
                UPDATE {schema}.watchword_delivery_record r
                    SET state = 2, ended_at = p_now, message_key = coalesce(message_keys[place], r.message_key),
                        attempts = (r.attempts || added)[greatest(1, cardinality(r.attempts || added) - kept_attempts + 1) :]
                    WHERE r.id = ids[place] AND r.namespace = namespaces[place] AND r.state = 5 AND r.fence = fences[place];
                is_done := FOUND;
            END IF;
        ELSIF NOT is_done THEN
            DELETE FROM {schema}.watchword_outbox o
                WHERE o.id = ids[place] AND o.namespace = namespaces[place] AND o.state = 1 AND o.fence = fences[place];
            is_done := FOUND;
        END IF;
        answers := answers || is_done;
    END LOOP;
    RETURN answers;
END
$$;
