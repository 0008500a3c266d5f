-- Records what became of claimed deliveries: transition::settle. One answer each, in order.

-- The arrays have one element a settlement, but `told`, which has the attempts of all one after the other: `tried` says how many
-- each has. A verdict of 0 is a retry at `retry_at`. `message_keys` are of the newest attempts that have a message id.
CREATE FUNCTION {schema}.watchword_settle_v1(
    p_now bigint, namespaces text[], ids uuid[], fences bigint[], verdicts smallint[], retry_at bigint[], tried bigint[],
    told text[], message_keys uuid[], keeps_records boolean
) RETURNS boolean[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept_attempts constant integer := 20;
    answers boolean[] := '{}';
    delivery {schema}.watchword_outbox;
    added text[];
    is_done boolean;
    next_told integer := 1;
BEGIN
    -- Lost in a crash of the server, a settlement lets its lease run out and the message go out once more, which may happen anyway.
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    -- In one order, or two batches could wait for each other.
    PERFORM FROM {schema}.watchword_outbox WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    FOR place IN 1 .. cardinality(ids) LOOP
        added := told[next_told : next_told + tried[place] - 1];
        next_told := next_told + tried[place];
        SELECT * INTO delivery FROM {schema}.watchword_outbox o
            WHERE o.id = ids[place] AND o.namespace = namespaces[place];
        IF NOT FOUND THEN
            -- What was canceled while the provider already had it is recorded as accepted all the same: it is what happened.
            UPDATE {schema}.watchword_delivery_record r
                SET state = 2, ended_at = p_now, message_key = coalesce(message_keys[place], r.message_key),
                    attempts = (r.attempts || added)[greatest(1, cardinality(r.attempts || added) - kept_attempts + 1) :]
                WHERE r.id = ids[place] AND r.namespace = namespaces[place] AND r.state = 5 AND r.fence = fences[place]
                    AND verdicts[place] = 2;
            is_done := FOUND;
        ELSIF delivery.state <> 1 OR delivery.fence <> fences[place] THEN
            is_done := false;
        ELSE
            delivery.attempts := delivery.attempts || added;
            delivery.attempts := delivery.attempts[greatest(1, cardinality(delivery.attempts) - kept_attempts + 1) :];
            delivery.message_key := coalesce(message_keys[place], delivery.message_key);
            IF verdicts[place] = 0 AND retry_at[place] < delivery.expires_at THEN
                UPDATE {schema}.watchword_outbox o
                    SET state = 0, due_at = retry_at[place], attempts = delivery.attempts, message_key = delivery.message_key
                    WHERE o.id = delivery.id;
            ELSE
                -- A retry that would come too late never comes: it expired.
                PERFORM {schema}.watchword_end_delivery_v1(
                    delivery, CASE verdicts[place] WHEN 0 THEN 4 ELSE verdicts[place] END::smallint, p_now, keeps_records);
            END IF;
            is_done := true;
        END IF;
        answers := answers || is_done;
    END LOOP;
    RETURN answers;
END
$$;
