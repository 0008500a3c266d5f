-- What several operations share: verifications found and locked, room under throttle rules, wrong guesses, the outbox.
--
-- {schema} is put in by the migration, quoted. Each operation is one function, VOLATILE, so that every statement in it sees what was
-- committed before that statement: what was waited for is read anew. All locks are taken in one order, or two operations could wait
-- for each other: the request that counts once, the IP address, the target, the name, the verification, the count of wrong guesses
-- or the passcode, the delivery. A verification is locked as a row; what may have no row yet is locked by a hash of it until the
-- transaction ends. Columns are always written with their table, so a bare name is a variable.
--
-- Operations run with sequential scans off and generic plans: a plan made while a table was empty is as good when it is full.
-- Of a function's time most goes into beginning and ending statements, so there are few. `PERFORM` is one, an assignment is none:
-- `done` takes what nobody needs.

-- A time after another one; the far future where that overflows: Timestamp::after.
CREATE FUNCTION {schema}.watchword_after_v1(at bigint, wait bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $function$
    SELECT CASE WHEN at > 9223372036854775807 - wait THEN 9223372036854775807 ELSE at + wait END
$function$;

-- Whether counts are past a limit: Verification::is_locked.
CREATE FUNCTION {schema}.watchword_is_locked_v1(attempts bigint, max_attempts bigint, sends bigint, max_sends bigint)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS $function$
    SELECT coalesce(attempts > max_attempts, false) OR coalesce(sends > max_sends, false)
$function$;

-- One more, as far as a count goes.
CREATE FUNCTION {schema}.watchword_one_more_v1(count bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $function$
    SELECT least(count + 1, 4294967295)
$function$;

-- Locks the newest live verification of a name, or the one of a vid, and gives it back as it is then; NULL: there is none.
-- One that was replaced while it was waited for is found as what it is now: a replacement takes the row.
CREATE FUNCTION {schema}.watchword_lock_v1(namespace text, now bigint, selected uuid, by_vid boolean)
    RETURNS {schema}.watchword_verification LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
BEGIN
    -- The row as a whole: each column on its own would cost more than finding it.
    IF by_vid THEN
        RETURN (SELECT v FROM {schema}.watchword_verification v
            WHERE v.vid = selected AND v.namespace = namespace AND v.expires_at > now AND v.state <> 2
            LIMIT 1 FOR UPDATE);
    END IF;
    RETURN (SELECT v FROM {schema}.watchword_verification v
        WHERE v.name_key = selected AND v.expires_at > now AND v.state <> 2
        ORDER BY v.number DESC LIMIT 1 FOR UPDATE);
END
$function$;

-- Locks all live verifications that are selected, the newest first. A kind says what a selected one is: 0 the key of an external
-- id, 1 that of a target, 2 a vid. Only a target may have several. NULL: there are none.
CREATE FUNCTION {schema}.watchword_lock_all_v1(namespace text, now bigint, selected uuid[], kinds smallint[])
    RETURNS {schema}.watchword_verification[] LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification;
    found {schema}.watchword_verification[];
BEGIN
    IF cardinality(selected) > 1 THEN
        SELECT array_agg(locked.v) INTO found FROM (
            SELECT v FROM {schema}.watchword_verification v
                WHERE (v.name_key = ANY (selected) OR v.vid = ANY (selected)) AND v.namespace = namespace
                    AND v.expires_at > now AND v.state <> 2
                ORDER BY v.number DESC FOR UPDATE
        ) locked;
    ELSIF kinds[1] = 1 THEN
        SELECT array_agg(locked.v) INTO found FROM (
            SELECT v FROM {schema}.watchword_verification v
                WHERE v.name_key = selected[1] AND v.expires_at > now AND v.state <> 2
                ORDER BY v.number DESC FOR UPDATE
        ) locked;
    ELSE
        one := {schema}.watchword_lock_v1(namespace, now, selected[1], kinds[1] = 2);
        IF one.vid IS NOT NULL THEN found := ARRAY[one]; END IF;
    END IF;
    RETURN found;
END
$function$;

-- How long the send times of a subject are kept.
CREATE FUNCTION {schema}.watchword_kept_v1(windows bigint[]) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $function$
DECLARE
    kept bigint := 24 * 60 * 60 * 1000;
BEGIN
    FOR number IN 1..coalesce(cardinality(windows), 0) LOOP kept := greatest(kept, windows[number]); END LOOP;
    RETURN kept;
END
$function$;

-- The send times of a subject after one more: SendTimes::with.
CREATE FUNCTION {schema}.watchword_times_with_v1(times bigint[], now bigint, rates bigint[], windows bigint[])
    RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $function$
DECLARE
    oldest integer := 1;
    place integer := coalesce(cardinality(times), 0);
    kept bigint;
    most bigint := 100;
BEGIN
    IF place = 0 THEN RETURN ARRAY[now]; END IF;
    kept := {schema}.watchword_kept_v1(windows);
    FOR number IN 1..coalesce(cardinality(rates), 0) LOOP most := greatest(most, rates[number]); END LOOP;
    WHILE oldest <= place AND times[oldest] <= now - kept LOOP oldest := oldest + 1; END LOOP;
    -- Clocks of several nodes may differ by a little; the order must hold all the same.
    WHILE place >= oldest AND times[place] > now LOOP place := place - 1; END LOOP;
    times := times[oldest:place] || now || times[place + 1:];
    RETURN CASE WHEN cardinality(times) > most THEN times[cardinality(times) - most::integer + 1:] ELSE times END;
END
$function$;

-- What is answered where a rule of a kind, 0 by IP address or 1 by target, has no room; NULL: all have. Of several the last to free
-- decides: SendTimes::refused_until.
CREATE FUNCTION {schema}.watchword_refusal_v1(kind smallint, rates bigint[], windows bigint[], times bigint[], now bigint)
    RETURNS record LANGUAGE plpgsql IMMUTABLE AS $function$
DECLARE
    at bigint;
    last integer;
    last_at bigint;
BEGIN
    FOR number IN 1..coalesce(cardinality(rates), 0) LOOP
        IF rates[number] = 0 THEN
            at := {schema}.watchword_after_v1(now, windows[number]);
        ELSIF cardinality(times) >= rates[number] THEN
            -- The rate-th newest send must have left the window.
            at := {schema}.watchword_after_v1(times[cardinality(times) - rates[number]::integer + 1], windows[number]);
            CONTINUE WHEN at <= now;
        ELSE
            CONTINUE;
        END IF;
        IF last IS NULL OR at >= last_at THEN last := number; last_at := at; END IF;
    END LOOP;
    IF last IS NULL THEN RETURN NULL; END IF;
    RETURN ROW('throttled'::text, kind, rates[last], windows[last], last_at);
END
$function$;

-- Stores the send times of a subject after one more.
CREATE FUNCTION {schema}.watchword_count_send_v1(
    subject uuid, namespace text, times bigint[], now bigint, rates bigint[], windows bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    garbage_at bigint;
BEGIN
    times := {schema}.watchword_times_with_v1(times, now, rates, windows);
    garbage_at := {schema}.watchword_after_v1(times[cardinality(times)], {schema}.watchword_kept_v1(windows));
    INSERT INTO {schema}.watchword_send_times (subject, namespace, times, garbage_at, garbage_minute)
        VALUES (subject, namespace, times, garbage_at, garbage_at - garbage_at % 60000)
        ON CONFLICT ON CONSTRAINT watchword_send_times_pkey DO UPDATE SET
            times = excluded.times, garbage_at = excluded.garbage_at, garbage_minute = excluded.garbage_minute;
    RETURN true;
END
$function$;

-- Looks for room for one more message under a channel's rules, by IP address first, and counts it where it is asked to:
-- transition::take_room. NULL: there is room. Else what the caller answers.
--
-- The caller has locked the subjects, so that of many senders each sees those before it.
CREATE FUNCTION {schema}.watchword_take_room_v1(
    namespace text, now bigint, throttled_channel text, ip uuid, target uuid, counts boolean
) RETURNS record LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    rules {schema}.watchword_throttle_rules;
    ip_times bigint[];
    target_times bigint[];
    refused record;
    done boolean;
BEGIN
    SELECT r.* INTO rules FROM {schema}.watchword_throttle_rules r
        WHERE r.namespace = namespace AND r.channel = throttled_channel;
    IF ip IS NULL AND cardinality(rules.ip_rates) > 0 THEN RETURN ROW('subject_missing'::text, 0::smallint); END IF;
    IF target IS NULL AND cardinality(rules.target_rates) > 0 THEN RETURN ROW('subject_missing'::text, 1::smallint); END IF;
    IF ip IS NOT NULL THEN
        SELECT s.times INTO ip_times FROM {schema}.watchword_send_times s WHERE s.subject = ip AND s.namespace = namespace;
        refused := {schema}.watchword_refusal_v1(0::smallint, rules.ip_rates, rules.ip_windows, ip_times, now);
        IF refused IS NOT NULL THEN RETURN refused; END IF;
    END IF;
    IF target IS NOT NULL THEN
        SELECT s.times INTO target_times FROM {schema}.watchword_send_times s WHERE s.subject = target AND s.namespace = namespace;
        refused := {schema}.watchword_refusal_v1(1::smallint, rules.target_rates, rules.target_windows, target_times, now);
        IF refused IS NOT NULL THEN RETURN refused; END IF;
    END IF;
    IF counts AND ip IS NOT NULL THEN
        done := {schema}.watchword_count_send_v1(ip, namespace, ip_times, now, rules.ip_rates, rules.ip_windows);
    END IF;
    IF counts AND target IS NOT NULL THEN
        done := {schema}.watchword_count_send_v1(target, namespace, target_times, now, rules.target_rates, rules.target_windows);
    END IF;
    RETURN NULL;
END
$function$;

-- Counts one more wrong guess in a row after those of `before`, all NULL where there are none: GuessCount::after_wrong.
CREATE FUNCTION {schema}.watchword_count_wrong_v1(
    before {schema}.watchword_guess_count, subject uuid, namespace text, now bigint,
    burst bigint, max_wait bigint, budget bigint, budget_wait bigint
) RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    wrong bigint := CASE WHEN now < before.garbage_at THEN {schema}.watchword_one_more_v1(before.wrong_in_a_row) ELSE 1 END;
    refused_until bigint := now;
    garbage_at bigint;
BEGIN
    IF budget > 0 AND wrong >= budget THEN
        refused_until := {schema}.watchword_after_v1(now, budget_wait);
    ELSIF burst > 0 AND wrong >= burst THEN
        refused_until := {schema}.watchword_after_v1(now, least(60000 * (1::bigint << least(wrong - burst, 20)::integer), max_wait));
    END IF;
    IF refused_until = now THEN refused_until := 0; END IF;
    garbage_at := {schema}.watchword_after_v1(greatest(now, refused_until), 24 * 60 * 60 * 1000);
    INSERT INTO {schema}.watchword_guess_count
            (subject, namespace, wrong_in_a_row, refused_until, last_wrong_at, garbage_at, garbage_minute)
        VALUES (subject, namespace, wrong, refused_until, now, garbage_at, garbage_at - garbage_at % 60000)
        ON CONFLICT ON CONSTRAINT watchword_guess_count_pkey DO UPDATE SET
            wrong_in_a_row = excluded.wrong_in_a_row, refused_until = excluded.refused_until,
            last_wrong_at = excluded.last_wrong_at, garbage_at = excluded.garbage_at, garbage_minute = excluded.garbage_minute;
END
$function$;

-- Cancels what is unsent of a verification, which is locked or gone: transition::cancel_delivery. Whether there was anything.
CREATE FUNCTION {schema}.watchword_cancel_deliveries_v1(vid uuid, now bigint, keeps_records boolean) RETURNS boolean
    LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
BEGIN
    -- Most have been sent by then, and looking is cheaper than deleting nothing.
    IF NOT EXISTS (SELECT FROM {schema}.watchword_outbox o WHERE o.vid = vid) THEN RETURN false; END IF;
    WITH canceled AS (
        DELETE FROM {schema}.watchword_outbox o WHERE o.vid = vid RETURNING o.*
    )
    INSERT INTO {schema}.watchword_delivery_record
            (id, vid, namespace, route, masked_to, state, ended_at, fence, claimed_by, attempts, created_at, expires_at, message_key)
        SELECT c.id, c.vid, c.namespace, c.route, c.masked_to, 5, now, c.fence, c.claimed_by, c.attempts, c.created_at,
               c.expires_at, c.message_key
            FROM canceled c WHERE keeps_records;
    RETURN true;
END
$function$;

-- Puts messages of a verification into the outbox, the `first`th to the `last`th: claimed at once where they are due and there is
-- a claimant, else left to whoever claims next: Delivery::enter. Whether all are claimed.
CREATE FUNCTION {schema}.watchword_enter_v1(
    namespace text, now bigint, vid uuid, expires_at bigint, first integer, last integer, ids uuid[], routes text[],
    messages bytea[], masked_to text[], not_before bigint[], claimed_by text, lease_until bigint
) RETURNS boolean LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
    claims boolean;
    due_at bigint;
    claims_all boolean := true;
BEGIN
    FOR number IN first..last LOOP
        claims := claimed_by IS NOT NULL AND (not_before[number] > now) IS NOT TRUE;
        due_at := CASE WHEN claims THEN lease_until ELSE greatest(not_before[number], now) END;
        INSERT INTO {schema}.watchword_outbox
                (id, vid, namespace, route, message, masked_to, state, due_at, fence, claimed_by, created_at, expires_at)
            VALUES (ids[number], vid, namespace, routes[number], messages[number], masked_to[number], claims::integer, due_at,
                claims::integer, CASE WHEN claims THEN claimed_by END, now, expires_at);
        IF NOT claims AND due_at <= now THEN PERFORM {schema}.watchword_wake_v1(ids[number], now); END IF;
        claims_all := claims_all AND claims;
    END LOOP;
    RETURN claims_all;
END
$function$;
