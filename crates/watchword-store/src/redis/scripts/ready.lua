-- Whether this partition's node takes writes: a replica, a full one and one that can't save do not.

redis.call('SET', base .. 'probe', '', 'PX', MARGIN)
return true
