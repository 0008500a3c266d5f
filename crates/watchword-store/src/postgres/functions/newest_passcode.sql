-- The newest sealed passcode that is live for any of these targets, given by the keys of their names; NULL: there is none.
CREATE FUNCTION {schema}.watchword_newest_passcode_v1(now bigint, name_keys uuid[])
    RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    newest record;
BEGIN
    SELECT v.vid, v.sealed_passcode INTO newest FROM {schema}.watchword_verification v
        WHERE v.name_key = ANY (name_keys) AND v.expires_at > now AND v.state <> 2 AND v.sealed_passcode IS NOT NULL
        ORDER BY v.number DESC LIMIT 1;
    RETURN CASE WHEN FOUND THEN newest END;
END
$function$;
