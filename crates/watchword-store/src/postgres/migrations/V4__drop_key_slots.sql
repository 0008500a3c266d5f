-- Secrets that are no longer in use stop opening the data key.
CREATE FUNCTION {schema}.watchword_drop_key_slots_v1(slots bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM {schema}.watchword_key_slot WHERE slot = ANY (slots);
END
$$;
