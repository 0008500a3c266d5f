-- The slots of the data key.

return redis.call('SMEMBERS', base .. 'keys:slots')
