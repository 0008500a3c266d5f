-- Every record is found by the delivery's id, which grows with time: new entries go to the end of the index. It serves the
-- correction of canceled ones too.
CREATE INDEX delivery_record_by_id ON delivery_record (id);
DROP INDEX delivery_record_canceled;
