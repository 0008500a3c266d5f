-- Gives up the live ones of a name, and gives back the newest: transition::cancel. NULL: there was none.
CREATE FUNCTION {schema}.watchword_cancel_v1(namespace text, now bigint, selected uuid, kind smallint, keeps_records boolean)
    RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    found {schema}.watchword_verification[] := {schema}.watchword_lock_all_v1(namespace, now, ARRAY[selected], ARRAY[kind]);
    one {schema}.watchword_verification;
    done boolean;
BEGIN
    IF found IS NULL THEN RETURN NULL; END IF;
    FOREACH one IN ARRAY found LOOP
        UPDATE {schema}.watchword_verification v SET state = 2 WHERE v.vid = one.vid;
        done := {schema}.watchword_cancel_deliveries_v1(one.vid, now, keeps_records);
    END LOOP;
    one := found[1];
    one.state := 2;
    RETURN ROW(one);
END
$function$;
