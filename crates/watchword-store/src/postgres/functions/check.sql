-- Checks a guess: transition::check. Refused, counted, compared, consumed, in this order. What is compared are keyed digests.
--
-- `selected` and `kinds` are as in watchword_lock_all_v1, one a guess; `digest_of` says which guess, from 1, a digest is of.
CREATE FUNCTION {schema}.watchword_check_v1(
    namespace text, now bigint, selected uuid[], kinds smallint[], digest_of integer[], digest_keys bytea[], digests bytea[],
    on_right smallint, approved_again boolean, burst bigint, max_wait bigint, budget bigint, budget_wait bigint,
    keeps_records boolean
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    keep CONSTANT smallint := 0;
    delete CONSTANT smallint := 2;
    found {schema}.watchword_verification[] := {schema}.watchword_lock_all_v1(namespace, now, selected, kinds);
    one {schema}.watchword_verification;
    subject uuid;
    count {schema}.watchword_guess_count;
    guess integer;
    digest bytea;
    -- Parallel to `found`: the digest of the guess under the row's key, if there is one.
    guessed bytea[] := '{}';
    used integer;
    pending_matches boolean := false;
    unknown_key bytea;
    compared boolean := false;
    was_locked boolean;
    is_locked boolean;
    all_locked boolean := true;
    closes boolean;
    deletes boolean;
    changed boolean;
    shown {schema}.watchword_verification;
    is_right boolean := false;
    done boolean;
BEGIN
    IF found IS NULL THEN RETURN ROW('gone'::text); END IF;
    one := found[1];
    subject := one.guess_subject;
    done := pg_advisory_xact_lock(uuid_hash_extended(subject, 6)) IS NOT NULL;
    SELECT c.* INTO count FROM {schema}.watchword_guess_count c WHERE c.subject = subject AND c.namespace = namespace;
    IF now < count.refused_until THEN RETURN ROW('refused'::text, one, count.refused_until); END IF;

    FOR place IN 1..cardinality(found) LOOP
        one := found[place];
        -- Of two guesses that select the same one, the first counts.
        guess := least(array_position(selected, one.name_key), array_position(selected, one.vid));
        digest := NULL;
        FOR number IN 1..coalesce(cardinality(digests), 0) LOOP
            IF digest_of[number] = guess AND digest_keys[number] = one.passcode_key THEN
                digest := digests[number];
                EXIT;
            END IF;
        END LOOP;
        guessed[place] := digest;
        IF digest = one.passcode_digest THEN
            IF one.state = 1 AND NOT approved_again THEN
                used := coalesce(used, place);
            ELSE
                pending_matches := true;
            END IF;
        END IF;
    END LOOP;
    -- A passcode that was used may be that of a later one too.
    IF used IS NOT NULL AND NOT pending_matches THEN RETURN ROW('used'::text, found[used]); END IF;

    FOR place IN 1..cardinality(found) LOOP
        one := found[place];
        CONTINUE WHEN one.state = 1 AND NOT approved_again;
        IF guessed[place] IS NULL THEN
            -- A row under an unknown key can be neither right nor wrong, so it counts nothing.
            unknown_key := coalesce(unknown_key, one.passcode_key);
            CONTINUE;
        END IF;
        -- Count, and only then compare. Where there is no limit there is nothing to count, and nothing to write.
        was_locked := {schema}.watchword_is_locked_v1(one.attempts, one.max_attempts, one.sends, one.max_sends);
        changed := one.max_attempts IS NOT NULL AND one.attempts < 4294967295;
        IF changed THEN one.attempts := one.attempts + 1; END IF;
        is_locked := {schema}.watchword_is_locked_v1(one.attempts, one.max_attempts, one.sends, one.max_sends);
        all_locked := all_locked AND is_locked;
        closes := false;
        deletes := false;
        IF NOT is_right AND NOT is_locked AND guessed[place] = one.passcode_digest THEN
            is_right := true;
            closes := coalesce(on_right, one.on_right) <> keep;
            deletes := coalesce(on_right, one.on_right) = delete;
            IF closes THEN
                changed := changed OR one.state <> 1;
                one.state := 1;
            END IF;
            shown := one;
        ELSIF NOT compared THEN
            shown := one;
        END IF;
        compared := true;
        IF deletes THEN
            DELETE FROM {schema}.watchword_verification v WHERE v.vid = one.vid;
        ELSIF changed THEN
            UPDATE {schema}.watchword_verification v SET attempts = one.attempts, state = one.state WHERE v.vid = one.vid;
        END IF;
        IF closes OR is_locked AND NOT was_locked THEN
            done := {schema}.watchword_cancel_deliveries_v1(one.vid, now, keeps_records);
        END IF;
    END LOOP;

    IF NOT compared THEN
        IF unknown_key IS NULL THEN RETURN ROW('gone'::text); END IF;
        RETURN ROW('unknown_key'::text, unknown_key);
    END IF;
    IF is_right THEN
        IF count.subject IS NOT NULL THEN
            DELETE FROM {schema}.watchword_guess_count c WHERE c.subject = subject AND c.namespace = namespace;
        END IF;
        RETURN ROW('approved'::text, shown);
    END IF;
    IF NOT all_locked THEN
        PERFORM {schema}.watchword_count_wrong_v1(count, subject, namespace, now, burst, max_wait, budget, budget_wait);
    END IF;
    IF unknown_key IS NOT NULL THEN RETURN ROW('unknown_key'::text, unknown_key); END IF;
    RETURN ROW(CASE WHEN all_locked THEN 'locked' ELSE 'wrong' END, shown);
END
$function$;
