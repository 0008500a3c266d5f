-- Replaces a channel's rules; NULL leaves those of that kind alone.
CREATE FUNCTION {schema}.watchword_put_rules_v1(
    namespace text, channel text, ip_rates bigint[], ip_windows bigint[], target_rates bigint[], target_windows bigint[]
) RETURNS record LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
#variable_conflict use_variable
BEGIN
    INSERT INTO {schema}.watchword_throttle_rules AS r (namespace, channel, ip_rates, ip_windows, target_rates, target_windows)
        VALUES (namespace, channel, coalesce(ip_rates, '{}'), coalesce(ip_windows, '{}'), coalesce(target_rates, '{}'),
            coalesce(target_windows, '{}'))
        ON CONFLICT ON CONSTRAINT watchword_throttle_rules_pkey DO UPDATE SET
            ip_rates = coalesce(ip_rates, r.ip_rates), ip_windows = coalesce(ip_windows, r.ip_windows),
            target_rates = coalesce(target_rates, r.target_rates), target_windows = coalesce(target_windows, r.target_windows);
    RETURN NULL;
END
$function$;
