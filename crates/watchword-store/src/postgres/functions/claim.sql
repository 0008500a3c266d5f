-- Takes what is due, those due longest first: transition::claim. Deliveries that another node has in hand are passed over.

-- One row a claim, the delivery and its verification. The last row has no delivery, and says when the next one is due.
CREATE FUNCTION {schema}.watchword_claim_v1(
    p_now bigint, p_node text, lease_until bigint, p_max bigint, keeps_records boolean
) RETURNS TABLE (
    next_due bigint, verification bytea,
    d_id uuid, d_vid uuid, d_namespace text, d_route text, d_message bytea, d_masked_to text, d_state smallint,
    d_due_at bigint, d_fence bigint, d_claimed_by text, d_attempts text[], d_created_at bigint, d_expires_at bigint
) LANGUAGE plpgsql VOLATILE
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    delivery {schema}.watchword_outbox;
    one {schema}.watchword_verification;
BEGIN
    FOR delivery IN
        SELECT * FROM {schema}.watchword_outbox WHERE due_at <= p_now ORDER BY due_at, id LIMIT p_max FOR UPDATE SKIP LOCKED
    LOOP
        IF p_now >= delivery.expires_at THEN
            PERFORM {schema}.watchword_end_delivery_v1(delivery, 4::smallint, p_now, keeps_records);
            CONTINUE;
        END IF;
        SELECT * INTO one FROM {schema}.watchword_verification v WHERE v.vid = delivery.vid;
        IF NOT FOUND THEN
            -- What ends a verification ends its deliveries too; a row restored by hand may lack it all the same.
            PERFORM {schema}.watchword_end_delivery_v1(delivery, 5::smallint, p_now, keeps_records);
            CONTINUE;
        END IF;
        UPDATE {schema}.watchword_outbox SET state = 1, due_at = lease_until, fence = fence + 1, claimed_by = p_node
            WHERE id = delivery.id RETURNING * INTO delivery;
        RETURN QUERY SELECT NULL::bigint, pg_catalog.record_send(one), delivery.id, delivery.vid, delivery.namespace,
            delivery.route, delivery.message, delivery.masked_to, delivery.state, delivery.due_at, delivery.fence,
            delivery.claimed_by, delivery.attempts, delivery.created_at, delivery.expires_at;
    END LOOP;
    next_due := (SELECT min(due_at) FROM {schema}.watchword_outbox);
    RETURN NEXT;
END
$$;
