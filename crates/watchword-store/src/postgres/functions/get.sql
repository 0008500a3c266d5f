-- The newest live one of a name, or by vid any that is kept; NULL: there is none.
CREATE FUNCTION {schema}.watchword_get_v1(namespace text, now bigint, selected uuid, by_vid boolean)
    RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    one {schema}.watchword_verification;
BEGIN
    IF by_vid THEN
        SELECT v.* INTO one FROM {schema}.watchword_verification v
            WHERE v.vid = selected AND v.namespace = namespace AND v.garbage_at > now;
    ELSE
        SELECT v.* INTO one FROM {schema}.watchword_verification v
            WHERE v.name_key = selected AND v.expires_at > now AND v.state <> 2
            ORDER BY v.number DESC LIMIT 1;
    END IF;
    RETURN CASE WHEN one.vid IS NOT NULL THEN ROW(one) END;
END
$function$;
