-- Deletes an approved one: transition::delete_if_approved.
CREATE FUNCTION {schema}.watchword_delete_if_approved_v1(
    namespace text, now bigint, selected uuid, by_vid boolean, keeps_records boolean
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification := {schema}.watchword_lock_v1(namespace, now, selected, by_vid);
    done boolean;
BEGIN
    IF one.vid IS NULL THEN RETURN ROW('gone'::text); END IF;
    IF one.state <> 1 THEN RETURN ROW('not_approved'::text, one); END IF;
    DELETE FROM {schema}.watchword_verification v WHERE v.vid = one.vid;
    done := {schema}.watchword_cancel_deliveries_v1(one.vid, now, keeps_records);
    RETURN ROW('deleted'::text, one);
END
$function$;
