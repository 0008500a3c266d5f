-- A channel's rules, as they were put; NULL: none ever were.
CREATE FUNCTION {schema}.watchword_get_rules_v1(namespace text, channel text)
    RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
DECLARE
    rules {schema}.watchword_throttle_rules;
BEGIN
    SELECT r.* INTO rules FROM {schema}.watchword_throttle_rules r WHERE r.namespace = namespace AND r.channel = channel;
    RETURN CASE WHEN FOUND THEN ROW(rules.ip_rates, rules.ip_windows, rules.target_rates, rules.target_windows) END;
END
$function$;
