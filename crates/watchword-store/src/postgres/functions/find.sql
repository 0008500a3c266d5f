-- The one of that vid, of whichever namespace, while it is kept; NULL: there is none.
CREATE FUNCTION {schema}.watchword_find_v1(now bigint, vid uuid)
    RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification;
BEGIN
    SELECT v.* INTO one FROM {schema}.watchword_verification v WHERE v.vid = vid AND v.garbage_at > now;
    RETURN CASE WHEN one.vid IS NOT NULL THEN ROW(one) END;
END
$function$;
