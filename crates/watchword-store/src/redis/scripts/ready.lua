-- Whether this partition's node takes writes: a replica, a full one and one that can't save do not. It leaves nothing behind.

redis.call('SET', base .. 'probe', '', 'PX', MARGIN)
redis.call('DEL', base .. 'probe')
return true
